"""`reelsight collections enroll`: a folder of photos becomes faces of a collection."""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from pipeline.commandline import connect, data_dir_option
from pipeline.errors import RequestError, SetupError
from pipeline.faces.indices import check_version
from pipeline.images.enrolling import Enrolment, Outcome, enrolled
from pipeline.images.enrolment import photos_of
from pipeline.images.face_quality import BARS
from pipeline.images.faces import MOST_FACES
from pipeline.services import Services
from pipeline.settings import settings_of
from pipeline.store import collections
from pipeline.store.engine import reading, writing
from pipeline.store.metadata import utcnow
from workers.commands.accounts import account_of, account_option, require_name
from workers.commands.pulling import face_models

SOME_LEFT_OUT = 3
"""Exit status."""


@click.command()
@click.argument("collection")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--create", is_flag=True, help="Make the collection if there is none of that name.")
@click.option("--users", "people", is_flag=True, help="Make a user of every person, with one face of each photo.")
@click.option("--largest", is_flag=True, help="Only the largest face of every photo; goes without saying with --users.")
@click.option(
    "--quality-filter",
    "level",
    type=click.Choice([*BARS, "NONE"], case_sensitive=False),
    default="AUTO",
    show_default=True,
    help="How good a face must be, as in IndexFaces.",
)
@click.option("--again", is_flag=True, help="Look again at photos that the collection has faces of.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per photo.")
@account_option
@data_dir_option
@click.pass_context
def enroll(context: click.Context, /, data_dir: Path | None, account: str | None, as_json: bool, **given: Any) -> None:
    """Adds the faces of photos in FOLDER to COLLECTION.

    Every folder in FOLDER is a person, with photos (.jpg, .jpeg, .png) in it or deeper; so is a photo that lies in FOLDER itself.

    A face's ExternalImageId is the path of its photo in FOLDER without the suffix, with : between the parts and _ for spaces, so `Ann
    Lee/at home.jpg` gives `Ann_Lee:at_home`, and `Ann_Lee` as UserId. Accents are dropped; where other characters must become _, a part of
    the path's SHA-256 is added.

    Photos whose faces are there already are passed over, so the command can be repeated, after it was interrupted for example. Nothing
    that is wrong with a photo stops it: it is left out, with the reason. The exit status is 0 if every photo has faces in the collection,
    3 if some were left out, 1 if nothing could be done.
    """
    settings = settings_of(data_dir)
    services = connect(settings)
    wanted = _wanted(account_of(services, account), given)
    photos = photos_of(given["folder"])
    if not photos:
        raise SetupError(f"{given['folder']} has no photos (.jpg, .jpeg, .png).")
    _require(services, wanted, given["create"])
    counts: Counter[str] = Counter()
    done = enrolled(services, face_models(settings), wanted, photos)
    for outcome in tqdm(done, total=len(photos), unit="photo", leave=False, disable=None):
        _count(counts, outcome)
        _tell(outcome, as_json)
    click.echo(_summary(counts, len(photos)), err=as_json)
    if counts["left out"]:
        context.exit(SOME_LEFT_OUT if counts["left out"] < len(photos) else 1)


def _wanted(account: str, given: dict[str, Any]) -> Enrolment:
    most = 1 if given["largest"] or given["people"] else MOST_FACES
    return Enrolment(account, given["collection"], given["level"].upper(), most, given["people"], given["again"])


def _require(services: Services, wanted: Enrolment, create: bool) -> None:
    """Sees to it that there is a collection that can take faces."""
    with reading(services.engine) as connection:
        found = collections.find(connection, wanted.account, wanted.name)
    if found is not None:
        check_version(found)
    elif create:
        _create(services, wanted)
    else:
        raise SetupError(f"The account {wanted.account} has no collection {wanted.name}; --create makes it.")


def _create(services: Services, wanted: Enrolment) -> None:
    settings = services.settings
    where = (wanted.account, require_name(wanted.name), settings.region)
    try:
        with writing(services.engine) as connection:
            collections.create(connection, *where, utcnow(), limit=settings.max_collections)
    except RequestError as error:
        if error.code != "ResourceAlreadyExistsException":  # somebody was quicker
            raise


def _count(counts: Counter[str], outcome: Outcome) -> None:
    state = "left out" if not outcome.faces else "known" if outcome.known else "new"
    counts[state] += 1
    counts["faces"] += len(outcome.faces) if state == "new" else 0


def _tell(outcome: Outcome, as_json: bool) -> None:
    """Prints what became of a photo, if there is something to be said."""
    name = click.format_filename(outcome.photo.path)
    if as_json:
        facts = {
            "Photo": name,
            "ExternalImageId": outcome.photo.label,
            "ImageId": outcome.faces[0].image_id if outcome.faces else None,
            "FaceIds": [face.id for face in outcome.faces],
            "UserIds": sorted({face.user_id for face in outcome.faces if face.user_id is not None}),
            "Known": outcome.known,
            "Reasons": list(outcome.reasons),
        }
        click.echo(json.dumps(facts))
    elif outcome.reasons and (not outcome.faces or any(" " in reason for reason in outcome.reasons)):
        left = "left out" if not outcome.faces else "in part"
        tqdm.write(f"{left} {name}: {', '.join(outcome.reasons)}", file=sys.stderr)


def _summary(counts: Counter[str], photos: int) -> str:
    parts = f"{counts['new']} new with {counts['faces']} faces, {counts['known']} known before, {counts['left out']} left out"
    return f"{photos} photos: {parts}"
