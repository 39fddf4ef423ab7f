"""Collections into files and out of them: what is written is one state of a collection, what is read appears at once or not at all."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import IO, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from pipeline.errors import SetupError
from pipeline.faces.archive import ArchiveReader, write_archive
from pipeline.faces.archive_lines import CollectionLine, FaceLine
from pipeline.services import Services
from pipeline.store import collections, faces, staging, user_vectors, users
from pipeline.store.collections import Collection
from pipeline.store.engine import snapshot, writing

BATCH = 5000
"""Faces of one transaction: others who write wait for it, less than a second."""

T = TypeVar("T")
Progress = Callable[[int, int], None]
"""Is told how many faces are done, and how many there are."""


def export_collection(services: Services, account: str, name: str, path: Path, progress: Progress) -> Collection:
    """The collection as it was written to the file, which is there whole or not at all and which only its owner may read.

    Raises:
        RequestError: ResourceNotFoundException.
        SetupError: the file cannot be written.
    """
    try:
        with _replaced(path) as file, snapshot(services.engine) as connection:
            collection = collections.get(connection, account, name)
            found = _faces(connection, collection, progress)
            write_archive(file, _described(collection), _users(connection, collection), found)
    except OSError as error:
        raise SetupError(f"{path} cannot be written: {error.strerror}.") from error
    return collection


def import_collection(
    services: Services, account: str, path: Path, name: str | None, instead: bool, progress: Progress
) -> Collection:
    """The collection of a file as the account's own, with the same ids, under `name` where that is given.

    Args:
        services: Where to.
        account: Whose it becomes.
        path: What `export_collection` wrote.
        name: Another CollectionId than the file's.
        instead: Of a collection of that name, if there is one.
        progress: Is told how far it is.

    Raises:
        RequestError: ResourceAlreadyExistsException or ServiceQuotaExceededException.
        SetupError: the file cannot be read, is damaged or makes no sense.
    """
    try:
        with path.open("rb") as file:
            reader = ArchiveReader(path, file)
            line, called = reader.collection, name or reader.collection.name
            _require_room(services, account, line, called, instead)
            with _staged(services, line, called) as staged:
                _fill(services, staged, reader, progress)
                with writing(services.engine) as connection:
                    return _taken_over(connection, services, staged, account, instead)
    except OSError as error:
        raise SetupError(f"{path} cannot be read: {error.strerror}.") from error


@contextmanager
def _replaced(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes the place of the one at `path` once the block has succeeded; what is no file, as a pipe, is written to as it is."""
    path = path.resolve()  # a link stays one
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    descriptor, partial = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.absolute().parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(partial).replace(path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise


def _described(collection: Collection) -> CollectionLine:
    return CollectionLine(
        name=collection.name,
        face_model_version=collection.face_model_version,
        created_at=collection.created_at,
        tags=collection.tags,
        image_namespace=collection.image_namespace or collection.id,
        users=collection.users,
        faces=collection.faces,
    )


def _faces(connection: Connection, collection: Collection, progress: Progress) -> Iterator[FaceLine]:
    for done, face in enumerate(faces.embedded(connection, collection), 1):
        yield face
        if done % BATCH == 0 or done == collection.faces:
            progress(done, collection.faces)


def _users(connection: Connection, collection: Collection) -> Iterator[str]:
    after = 0
    while page := users.listed(connection, collection, after, BATCH):
        yield from (user.id for user in page)
        after = page[-1].number


def _require_room(services: Services, account: str, line: CollectionLine, name: str, instead: bool) -> None:
    """Refuses at once what could not be taken over at the end."""
    settings = services.settings
    for kind, count, most in (("faces", line.faces, settings.max_faces), ("users", line.users, settings.max_users)):
        if count > most:
            setting = f"REELSIGHT_MAX_{kind.upper()}"
            raise SetupError(f"The file has {count} {kind}; a collection may have {most} here ({setting}).")
    with snapshot(services.engine) as connection:
        taken = collections.find(connection, account, name) is not None
        if not taken:
            collections.check_room(connection, account, settings.max_collections)
    if taken and not instead:
        raise SetupError(
            f"The account {account} has a collection {name} already; import it under another one (--name), or instead of it (--replace)."
        )


@contextmanager
def _staged(services: Services, line: CollectionLine, name: str) -> Iterator[Collection]:
    """An empty collection of nobody's, which is deleted unless the block succeeds."""
    with writing(services.engine) as connection:
        staged = staging.begin(
            connection, name, line.face_model_version, line.created_at, line.tags, line.image_namespace
        )
    try:
        yield staged
    except BaseException:
        # If this fails too, the lease ends by itself.
        with suppress(SQLAlchemyError), writing(services.engine) as connection:
            staging.give_up(connection, staged)
        raise


def _fill(services: Services, staged: Collection, reader: ArchiveReader, progress: Progress) -> None:
    """Reads the whole file into the collection."""
    people, done = _distinct(reader), 0
    for part in _parts(iter(people)):
        with writing(services.engine) as connection:
            staging.add_users(connection, staged, part)
    for rows in _parts(_known(reader, staged, people)):
        try:
            with writing(services.engine) as connection:
                staging.add(connection, staged, rows)
        except SetupError as error:
            raise reader.error(f"in the last {len(rows)} lines: {error}") from error
        done += len(rows)
        progress(done, reader.collection.faces)
    while people:
        with writing(services.engine) as connection:
            if not user_vectors.renew_some(connection, staging.renew(connection, staged)):
                return


def _parts(found: Iterator[T]) -> Iterator[list[T]]:
    while part := list(islice(found, BATCH)):
        yield part


def _distinct(reader: ArchiveReader) -> dict[str, None]:
    """The ids of the users, in order."""
    known: dict[str, None] = {}
    for user_id in reader.users():
        if user_id in known:
            raise reader.error(f"the UserId {user_id} occurs twice")
        known[user_id] = None
    return known


def _known(reader: ArchiveReader, staged: Collection, people: dict[str, None]) -> Iterator[FaceLine]:
    """The faces, each of this model version and of one of these users."""
    for face, vector in reader.faces():
        if face.model_version != staged.face_model_version:
            raise reader.error(f"the face is of model version {face.model_version}, not {staged.face_model_version}")
        if face.user_id is not None and face.user_id not in people:
            raise reader.error(f"the file has no User {face.user_id}")
        yield face, vector


def _taken_over(
    connection: Connection, services: Services, staged: Collection, account: str, instead: bool
) -> Collection:
    settings = services.settings
    return staging.take_over(connection, staged, account, settings.region, instead, settings.max_collections)
