"""Collections that are nobody's until all of their faces are there; every function works inside the caller's transaction.

Whoever fills one holds a lease that every batch renews. Once it ends, the sweeper takes the collection for deleted.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from pipeline.errors import RequestError, SetupError
from pipeline.store import collections as store
from pipeline.store import users
from pipeline.store.collections import Collection
from pipeline.store.face_rows import insert_faces
from pipeline.store.face_schema import collections
from pipeline.store.face_types import Face
from pipeline.store.metadata import utcnow

LEASE = timedelta(hours=1)
"""Far longer than a batch takes, clocks of several machines included."""


def begin(
    connection: Connection, name: str, version: str, created_at: datetime, tags: Mapping[str, str], image_namespace: str
) -> Collection:
    """A new, empty collection of nobody."""
    values = {
        "id": uuid.uuid4().hex,
        "name": name,
        "arn": "",
        "face_model_version": version,
        "tags": dict(tags),
        "created_at": created_at,
        "image_namespace": image_namespace,
        "lease_until": utcnow() + LEASE,
        **dict.fromkeys(("faces", "next_position", "revision", "listed_from"), 0),
    }
    number = connection.execute(insert(collections).values(values).returning(collections.c.number)).scalar_one()
    return _staged(connection, number)


def add(connection: Connection, staged: Collection, rows: Sequence[tuple[Face, bytes]]) -> Collection:
    """The collection with further faces, which keep their ids and get the next positions.

    Raises:
        SetupError: the lease has ended, or a face id occurs twice.
    """
    now = renew(connection, staged)
    numbered = [(replace(face, position=now.next_position + row), vector) for row, (face, vector) in enumerate(rows)]
    try:
        insert_faces(connection, now.number, numbered)
    except IntegrityError as error:
        raise SetupError("a FaceId occurs twice") from error
    values = {"faces": now.faces + len(rows), "next_position": now.next_position + len(rows), "revision": 1}
    connection.execute(update(collections).where(collections.c.number == now.number).values(**values))
    return _staged(connection, now.number)


def add_users(connection: Connection, staged: Collection, user_ids: Sequence[str]) -> Collection:
    """The collection with further users, whose faces are still to come; `user_vectors.renew_some` makes their vectors at last.

    Raises:
        SetupError: the lease has ended.
    """
    users.create_many(connection, renew(connection, staged), user_ids, utcnow())
    return _staged(connection, staged.number)


def renew(connection: Connection, staged: Collection) -> Collection:
    """The collection, locked, with a new lease.

    Raises:
        SetupError: the lease has ended.
    """
    now = utcnow()
    mine = (collections.c.number == staged.number, collections.c.account.is_(None), collections.c.lease_until > now)
    if not connection.execute(update(collections).where(*mine).values(lease_until=now + LEASE)).rowcount:
        raise SetupError("this was interrupted for so long that what was done is deleted again: start anew")
    return _staged(connection, staged.number)


def take_over(
    connection: Connection, staged: Collection, account: str, region: str, instead: bool, limit: int | None = None
) -> Collection:
    """The collection as the account's own; `instead`: of one of that name, if there is one; `limit`: how many the account may have.

    Raises:
        RequestError: ResourceAlreadyExistsException or ServiceQuotaExceededException.
        SetupError: the lease has ended.
    """
    renew(connection, staged)
    if instead and store.find(connection, account, staged.name, lock=True) is not None:
        store.remove(connection, account, staged.name)
    store.check_room(connection, account, limit)
    values = {"account": account, "arn": store.arn_of(region, account, staged.name), "lease_until": None}
    try:
        connection.execute(update(collections).where(collections.c.number == staged.number).values(**values))
    except IntegrityError:
        raise RequestError(
            "ResourceAlreadyExistsException", f"The collection id: {staged.name} already exists"
        ) from None
    return store.get(connection, account, staged.name)


def give_up(connection: Connection, staged: Collection) -> None:
    """Leaves the collection to the sweeper."""
    mine = (collections.c.number == staged.number, collections.c.account.is_(None))
    connection.execute(update(collections).where(*mine).values(lease_until=None))
    store.remove_vectors(connection, staged.number)


def _staged(connection: Connection, number: int) -> Collection:
    query = select(collections).where(collections.c.number == number)
    row = connection.execute(query).mappings().one()
    return Collection(**{name: row[name] for name in Collection.__dataclass_fields__})
