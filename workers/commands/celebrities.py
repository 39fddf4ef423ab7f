"""`reelsight celebrities`: the gallery of people that this installation can name, which its operator owns."""

import base64
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from pipeline.commandline import connect, data_dir_option
from pipeline.errors import RequestError, SetupError
from pipeline.images.people import Person, people_of, person_of, photo_face
from pipeline.models.types import Models
from pipeline.services import Services
from pipeline.settings import settings_of
from pipeline.store import celebrities as store
from pipeline.store import faces
from pipeline.store.collections import FACE_MODEL_VERSION
from pipeline.store.engine import reading, writing
from pipeline.store.faces import Image, NewFace
from pipeline.store.metadata import utcnow
from workers.commands.pulling import face_models


@click.group()
def celebrities() -> None:
    """Imports, lists, removes and exports the people that CelebrityRecognition can name."""


@celebrities.command(name="import")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@data_dir_option
def import_(data_dir: Path | None, path: Path) -> None:
    """Imports people from PATH: a folder with a folder of photos per person, or a file that `export` wrote.

    The folder may hold people.csv or people.json with Id, Name, Urls and KnownGender; otherwise the folders' names are the names. Photos
    that are there already are not kept twice; people of a file replace those of the same Id.
    """
    settings = settings_of(data_dir)
    services = connect(settings)
    if path.is_file():
        _restore(services, path)
        return
    people = people_of(path)
    kept, refused = _imported(services, face_models(settings), people)
    for photo, reason in refused:
        click.echo(f"left out {photo}: {reason}", err=True)
    useless = {photo for photo, _ in refused}
    named = sum(not useless.issuperset(person.photos) for person in people)
    click.echo(f"{named} people, {kept} photos imported, {len(refused)} left out")
    if not kept:
        raise SetupError("No photo could be imported.")


@celebrities.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@data_dir_option
def list_(data_dir: Path | None, as_json: bool) -> None:
    """Prints who can be named, with how many faces."""
    with reading(connect(settings_of(data_dir)).engine) as connection:
        known = store.listed(connection)
    for who, count in known:
        facts = who.wire | {"Faces": count}
        click.echo(json.dumps(facts, ensure_ascii=False) if as_json else f"{who.id:12} {who.name:32} {count:4} faces")
    if not known and not as_json:
        click.echo("The gallery is empty; fill it with: reelsight celebrities import PATH")


@celebrities.command()
@click.argument("ids", nargs=-1, required=True)
@data_dir_option
def remove(data_dir: Path | None, ids: tuple[str, ...]) -> None:
    """Forgets the people with these IDS and their faces."""
    services = connect(settings_of(data_dir))
    for id_ in ids:
        with writing(services.engine) as connection:
            known = store.remove(connection, id_)
        if not known:
            raise SetupError(f"No celebrity has the Id {id_!r}.")
        click.echo(f"{id_} is removed.")


@celebrities.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@data_dir_option
def export(data_dir: Path | None, file: Path) -> None:
    """Writes everybody with the embeddings of their faces to FILE, for `import` elsewhere; photos are not kept."""
    services = connect(settings_of(data_dir))
    with reading(services.engine) as connection:
        known = [who.wire | {"Faces": list(_faces(connection, who.id))} for who, _ in store.listed(connection)]
    content = {"FaceModelVersion": FACE_MODEL_VERSION, "Celebrities": known}
    try:
        file.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise SetupError(f"{file} cannot be written: {error.strerror}.") from error
    click.echo(f"{file}: {len(known)} people")


def _imported(services: Services, models: Models, people: Iterable[Person]) -> tuple[int, list[tuple[Path, str]]]:
    """How many photos were kept, and which were not, with the reason; every photo is kept as soon as it is read."""
    kept, refused = 0, []
    photos = [(person, photo) for person in people for photo in person.photos]
    known: set[str] = set()
    for person, photo in tqdm(photos, unit="photo", leave=False, disable=None):
        try:
            seen = photo_face(models, photo)
        except (RequestError, OSError) as error:
            refused.append((photo, str(error)))
            continue
        with writing(services.engine) as connection:
            if person.who.id not in known:
                store.put(connection, person.who, utcnow())
            store.add_face(connection, person.who.id, Image(seen.digest), seen.face, utcnow())
        known.add(person.who.id)
        kept += 1
    return kept, refused


def _restore(services: Services, file: Path) -> None:
    """Takes over the people of an exported file; all of them or none."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        version, entries = content["FaceModelVersion"], content["Celebrities"]
        people = [(person_of(entry, f"{file}, entry {n}"), list(_known(entry))) for n, entry in enumerate(entries, 1)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SetupError(f"{file} is not a file of `reelsight celebrities export`: {error!r}") from error
    if version != FACE_MODEL_VERSION:
        raise SetupError(f"{file} has faces of model version {version}; this installation has {FACE_MODEL_VERSION}.")
    try:
        with writing(services.engine) as connection:
            for who, known in people:
                store.remove(connection, who.id)
                store.put(connection, who, utcnow())
                for image, face in known:
                    store.add_face(connection, who.id, image, face, utcnow())
    except ValueError as error:
        raise SetupError(f"{file}: {error}") from error
    click.echo(f"{len(people)} people, {sum(len(known) for _, known in people)} faces imported")


def _faces(connection: Any, celebrity_id: str) -> Iterator[dict[str, Any]]:
    """The faces of a celebrity as an exported file has them."""
    gallery = store.gallery(connection)
    if gallery is None:
        return
    for face in store.faces_of(connection, celebrity_id, sys.maxsize):
        ((_, _, vector),) = faces.vectors(connection, gallery, face.position, face.position + 1)
        embedding = base64.b64encode(vector).decode("ascii")
        yield {
            "ImageId": face.image_id,
            "BoundingBox": dict(face.box),
            "Confidence": face.confidence,
            "Embedding": embedding,
        }


def _known(entry: dict[str, Any]) -> Iterator[tuple[Image, NewFace]]:
    """What `_faces` wrote."""
    for face in entry["Faces"]:
        vector = base64.b64decode(face["Embedding"], validate=True)
        box = {side: float(face["BoundingBox"][side]) for side in ("Left", "Top", "Width", "Height")}
        yield Image(str(face["ImageId"])), NewFace(box, float(face["Confidence"]), vector)
