"""`reelsight collections reindex`: the faces of a collection are embedded anew from their photos."""

from pathlib import Path

import click
from tqdm import tqdm

from pipeline.commandline import connect, data_dir_option
from pipeline.errors import SetupError
from pipeline.images.enrolment import photos_of
from pipeline.images.reindexing import renew_users, renewed
from pipeline.models.types import Models
from pipeline.services import Services
from pipeline.settings import settings_of
from pipeline.store import collections, renewal
from pipeline.store.collections import FACE_MODEL_VERSION, Collection
from pipeline.store.engine import reading, writing
from workers.commands.accounts import account_of, account_option
from workers.commands.pulling import face_models

SHOWN = 100
"""Missing faces that are listed."""


@click.command()
@click.argument("collection")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--drop-missing", "drop", is_flag=True, help="Remove faces whose photo is not in FOLDER.")
@click.option("--again", is_flag=True, help="Embed faces anew though they are of this version of the face model.")
@account_option
@data_dir_option
def reindex(data_dir: Path | None, account: str | None, collection: str, folder: Path, drop: bool, again: bool) -> None:
    """Embeds the faces of COLLECTION anew from photos.

    For collections that another version of the face model has made, which cannot be searched any more. The photos in FOLDER are those that
    were indexed, byte for byte, in any order and under any names; the folder of a bucket will do. A face is found again by its photo and
    its place in it, and keeps its FaceId, ImageId, ExternalImageId and user.

    The collection stays as it is until there is a new embedding for every face; until then the command can be interrupted, and repeated
    with other folders. Faces whose photo is missing are listed: then nothing changes, unless --drop-missing removes them.
    """
    settings = settings_of(data_dir)
    services = connect(settings)
    owner = account_of(services, account)
    with writing(services.engine) as connection:
        found = collections.get(connection, owner, collection)
        before = renewal.begin(connection, found, FACE_MODEL_VERSION)
    renew_users(services, owner, collection)  # of a run that was killed at its end
    if found.face_model_version == FACE_MODEL_VERSION and not again:
        click.echo(f"{collection} is of version {FACE_MODEL_VERSION}, which is this one; --again embeds it anew.")
        return
    if before:
        click.echo(f"{before} faces were embedded by an earlier run")
    done = _embed(services, face_models(settings), found, folder)
    lost = _finish(services, owner, found, drop)
    click.echo(f"{collection}: {before + done} faces embedded anew, {lost} removed, model version {FACE_MODEL_VERSION}")


def _embed(services: Services, models: Models, collection: Collection, folder: Path) -> int:
    """How many faces got a new embedding."""
    photos, count = [photo.path for photo in photos_of(folder)], 0
    results = renewed(services, models, collection, photos)
    for one in tqdm(results, total=len(photos), unit="photo", leave=False, disable=None):
        count += len(one.vectors)
        if one.reason is not None:
            with tqdm.external_write_mode():
                click.echo(f"{click.format_filename(one.path)}: {one.reason}", err=True)
    return count


def _finish(services: Services, owner: str, collection: Collection, drop: bool) -> int:
    """How many faces were removed; the others have their new embeddings."""
    with reading(services.engine) as connection:
        lost = renewal.count_left(connection, collection, FACE_MODEL_VERSION)
    if lost and not drop:
        _list(services, collection, lost)
        raise SetupError(
            f"The photos of {lost} faces of {collection.name} are missing, so it stays as it is. What was embedded is kept: repeat this "
            "with a folder that has them, or with --drop-missing to remove these faces."
        )
    with writing(services.engine) as connection:
        renewal.finish(connection, collection, owner, FACE_MODEL_VERSION, drop)
    renew_users(services, owner, collection.name)
    return lost


def _list(services: Services, collection: Collection, count: int) -> None:
    with reading(services.engine) as connection:
        lost = renewal.left(connection, collection, FACE_MODEL_VERSION, SHOWN)
    for face in sorted(lost, key=lambda face: face.position):
        called = face.external_image_id or "no ExternalImageId"
        click.echo(f"missing: FaceId {face.id}, ImageId {face.image_id}, {called}", err=True)
    if count > len(lost):
        click.echo(f"and {count - len(lost)} more", err=True)
