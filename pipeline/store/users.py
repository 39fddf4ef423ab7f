"""Users of collections in the database; every function works inside the caller's transaction.

A user stands for somebody of whom the collection has faces. Whoever changes users has locked their collection before.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from pipeline.errors import RequestError
from pipeline.store import user_vectors
from pipeline.store.collections import Collection
from pipeline.store.face_schema import collections, faces, users
from pipeline.store.faces import IDS
from pipeline.store.insertion import insert_new

MOST_FACES = 100
"""Of one user. Source: Amazon Rekognition API reference, AssociateFaces."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody.

    Attributes:
        number: In the order of creation.
        id: UserId.
        faces: How many there are.
        status: "CREATED": no faces; "UPDATING": its vector is still to be made of the faces as they are now; "ACTIVE".
    """

    number: int
    id: str
    faces: int
    status: str

    @property
    def wire(self) -> dict[str, Any]:
        """The `User` of the API."""
        return {"UserId": self.id, "UserStatus": self.status}


def create(
    connection: Connection, collection: Collection, user_id: str, now: datetime, limit: int | None = None
) -> None:
    """Adds a user without faces to the locked collection; `limit`: how many it may have.

    Raises:
        RequestError: ConflictException or ServiceQuotaExceededException.
    """
    if find(connection, collection, user_id) is not None:
        raise RequestError(
            "ConflictException", f"The user id: {user_id} already exists in the collection {collection.name}."
        )
    if limit is not None and collection.users >= limit:
        raise RequestError(
            "ServiceQuotaExceededException",
            f"The collection id: {collection.name} has {collection.users} users; {limit} is the maximum.",
        )
    insert_new(connection, users, _row(collection, user_id, now))
    _count(connection, collection, 1)


def create_many(connection: Connection, collection: Collection, user_ids: Iterable[str], now: datetime) -> None:
    """Adds users whose faces the locked collection may have already, in this order; `user_vectors.renew` makes their vectors.

    Raises:
        IntegrityError: one of them exists.
    """
    rows = [_row(collection, user_id, now) for user_id in user_ids]
    if rows:
        connection.execute(insert(users), rows)
        _count(connection, collection, len(rows))


def find(connection: Connection, collection: Collection, user_id: str) -> User | None:
    """The user of this id."""
    return by_id(connection, collection, [user_id]).get(user_id)


def by_id(connection: Connection, collection: Collection, user_ids: Iterable[str]) -> dict[str, User]:
    """User id -> user, of those that the collection has."""
    wanted, found = sorted(set(user_ids)), dict[str, User]()
    for start in range(0, len(wanted), IDS):
        part = (users.c.collection == collection.number, users.c.id.in_(wanted[start : start + IDS]))
        rows = connection.execute(select(users).where(*part)).mappings()
        found |= {row["id"]: _user(collection, row) for row in rows}
    return found


def get(connection: Connection, collection: Collection, user_id: str) -> User:
    """The user of this id.

    Raises:
        RequestError: ResourceNotFoundException.
    """
    found = find(connection, collection, user_id)
    if found is None:
        raise RequestError(
            "ResourceNotFoundException", f"The user id: {user_id} does not exist in the collection {collection.name}."
        )
    return found


def listed(connection: Connection, collection: Collection, after: int, limit: int) -> list[User]:
    """Users with greater numbers than `after`, oldest first."""
    query = select(users).where(users.c.collection == collection.number, users.c.number > after)
    rows = connection.execute(query.order_by(users.c.number).limit(limit)).mappings()
    return [_user(collection, row) for row in rows]


def assign(connection: Connection, collection: Collection, user: User, positions: Iterable[int]) -> User:
    """The user of a locked collection, once the faces at these positions are its own."""
    return _assigned(connection, collection, user, positions, user.id)


def release(connection: Connection, collection: Collection, user: User, positions: Iterable[int]) -> User:
    """The user of a locked collection, once the faces at these positions are nobody's."""
    return _assigned(connection, collection, user, positions, None)


def remove(connection: Connection, collection: Collection, user: User) -> None:
    """Takes the user from the locked collection; its faces stay and are nobody's."""
    own = (faces.c.collection == collection.number, faces.c.user_id == user.id)
    connection.execute(update(faces).where(*own).values(user_id=None))
    user_vectors.renew(connection, collection, [user.id])
    connection.execute(delete(users).where(users.c.number == user.number))
    _count(connection, collection, -1)


def _assigned(
    connection: Connection, collection: Collection, user: User, positions: Iterable[int], owner: str | None
) -> User:
    wanted = sorted(positions)
    for start in range(0, len(wanted), IDS):
        part = (faces.c.collection == collection.number, faces.c.position.in_(wanted[start : start + IDS]))
        connection.execute(update(faces).where(*part).values(user_id=owner))
    if wanted:
        user_vectors.renew(connection, collection, [user.id])
    return get(connection, collection, user.id)


def _row(collection: Collection, user_id: str, now: datetime) -> dict[str, Any]:
    return {"collection": collection.number, "id": user_id, "faces": 0, "created_at": now}


def _count(connection: Connection, collection: Collection, more: int) -> None:
    mine = update(collections).where(collections.c.number == collection.number)
    connection.execute(mine.values(users=collections.c.users + more))


def _user(collection: Collection, row: RowMapping) -> User:
    status = "ACTIVE" if row["model_version"] == collection.face_model_version else "UPDATING"
    return User(row["number"], row["id"], row["faces"], status if row["faces"] else "CREATED")
