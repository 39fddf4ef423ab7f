"""`reelsight collections`: the face collections of accounts, seen by the operator of their installation."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select
from tqdm import tqdm

from pipeline.commandline import connect, data_dir_option
from pipeline.faces.moving import export_collection, import_collection
from pipeline.services import Services
from pipeline.settings import settings_of
from pipeline.store import collections as store
from pipeline.store.collections import FACE_MODEL_VERSION, Collection
from pipeline.store.engine import reading, writing
from pipeline.store.face_schema import collections as table
from workers.commands.accounts import account_of, account_option, require_name
from workers.commands.enroll import enroll
from workers.commands.reindex import reindex

SUFFIX = ".collection.jsonl.zst"
PAGE = 1000


@click.group()
def collections() -> None:
    """Lists, fills, moves and deletes face collections.

    They are those of CreateCollection and IndexFaces: what is done here is seen by API clients at once, and the other way round. The server
    may run meanwhile, and need not.

    \b
    reelsight collections enroll people photos/ --create    photos/Ann Lee/1.jpg ...
    reelsight collections export people --out people.zst    a backup, or for another machine:
    reelsight collections import people.zst
    """


collections.add_command(enroll)
collections.add_command(reindex)


@collections.command(name="list")
@click.option("--account", metavar="DIGITS", help="Only this account's collections.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@data_dir_option
def list_(data_dir: Path | None, account: str | None, as_json: bool) -> None:
    """Prints the collections of all accounts.

    Each account's oldest comes first.
    """
    services = connect(settings_of(data_dir))
    shown = False
    for owner in [account] if account else _owners(services):
        for one in _all(services, owner):
            facts = _facts(owner, one)
            click.echo(json.dumps(facts, ensure_ascii=False) if as_json else _line(owner, one))
            shown = True
    if not shown and not as_json:
        click.echo("There are no collections; make one with: reelsight collections enroll --create COLLECTION FOLDER")


@collections.command()
@click.argument("collection")
@account_option
@data_dir_option
def show(data_dir: Path | None, account: str | None, collection: str) -> None:
    """Prints what is known of COLLECTION, as JSON."""
    services = connect(settings_of(data_dir))
    owner = account_of(services, account)
    with reading(services.engine) as connection:
        found = store.get(connection, owner, collection)
    click.echo(json.dumps(_facts(owner, found), ensure_ascii=False, indent=2))


@collections.command()
@click.argument("collection")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"Where to [default: COLLECTION{SUFFIX} in this folder].",
)
@account_option
@data_dir_option
def export(data_dir: Path | None, account: str | None, collection: str, out: Path | None) -> None:
    """Writes COLLECTION to one file, for `import`.

    The file has faces with their ids and embeddings, users and tags, as they are at one moment; photos are not kept anywhere. A file of
    that name is replaced once the new one is whole. Nobody but you may read it: embeddings are biometric data.
    """
    services = connect(settings_of(data_dir))
    path = out or Path(f"{collection}{SUFFIX}")
    with _progress("face") as progress:
        written = export_collection(services, account_of(services, account), collection, path, progress)
    click.echo(f"{path}: {_contents(written)}")


@collections.command(name="import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", metavar="COLLECTION", help="Another name for it than the one in the file.")
@click.option("--replace", "instead", is_flag=True, help="Instead of a collection of that name, which is then deleted.")
@account_option
@data_dir_option
def import_(data_dir: Path | None, account: str | None, file: Path, name: str | None, instead: bool) -> None:
    """Makes a collection out of an exported FILE.

    FaceIds, ImageIds, users and tags are the same as before. The collection appears once all of it is there; an import that is interrupted
    leaves nothing.
    """
    services = connect(settings_of(data_dir))
    called = None if name is None else require_name(name)
    with _progress("face") as progress:
        made = import_collection(services, account_of(services, account), file, called, instead, progress)
    click.echo(f"{made.name}: {_contents(made)}")
    if made.face_model_version != FACE_MODEL_VERSION:
        click.echo(
            f"Its faces were made by version {made.face_model_version} of the face model and cannot be searched by {FACE_MODEL_VERSION}, "
            f"which is this one: reelsight collections reindex {made.name} FOLDER embeds them anew from their photos.",
            err=True,
        )


@collections.command()
@click.argument("collection")
@click.option("--yes", is_flag=True, help="Do not ask.")
@account_option
@data_dir_option
def delete(data_dir: Path | None, account: str | None, collection: str, yes: bool) -> None:
    """Deletes COLLECTION with all its faces and users."""
    services = connect(settings_of(data_dir))
    owner = account_of(services, account)
    with reading(services.engine) as connection:
        found = store.get(connection, owner, collection)
    if not yes:
        click.confirm(f"Delete {collection} of account {owner} with {_contents(found)}?", abort=True)
    with writing(services.engine) as connection:
        store.remove(connection, owner, collection)
    click.echo(f"{collection} is deleted.")


@contextmanager
def _progress(unit: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal."""
    with tqdm(unit=unit, unit_scale=True, leave=False, disable=None) as bar:

        def told(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield told


def _owners(services: Services) -> list[str]:
    with reading(services.engine) as connection:
        owners = connection.execute(select(table.c.account).distinct()).scalars()
        return sorted(owner for owner in owners if owner and owner.isdigit())


def _all(services: Services, account: str) -> Iterator[Collection]:
    after = 0
    while True:
        with reading(services.engine) as connection:
            page = store.listed(connection, account, after, PAGE)
        if not page:
            return
        yield from page
        after = page[-1].number


def _facts(account: str, one: Collection) -> dict[str, Any]:
    """A collection as JSON values."""
    return {
        "CollectionId": one.name,
        "AccountId": account,
        "FaceCount": one.faces,
        "UserCount": one.users,
        "FaceModelVersion": one.face_model_version,
        "Searchable": one.face_model_version == FACE_MODEL_VERSION,
        "CreationTimestamp": one.created_at.isoformat(),
        "CollectionARN": one.arn,
        "Tags": dict(one.tags),
    }


def _line(account: str, one: Collection) -> str:
    old = "" if one.face_model_version == FACE_MODEL_VERSION else "  to be reindexed"
    made = f"{one.created_at:%Y-%m-%d}"
    return f"{account}  {one.name:32} {one.faces:8} faces {one.users:6} users  model {one.face_model_version:8} {made}{old}"


def _contents(one: Collection) -> str:
    return f"{one.faces} faces, {one.users} users, model version {one.face_model_version}"
