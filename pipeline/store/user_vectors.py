"""Vectors of users: the direction of the mean of the embeddings of their faces; every function works inside the caller's transaction.

They lie, one per user that has faces, in a collection of their own that nobody can name: what searches faces searches users. It
belongs to a collection and a version of its embeddings, so that vectors can be made anew one by one when those are.
"""

import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Select, or_, select, update

from pipeline.store import faces as store
from pipeline.store.collections import USERS, Collection, create, find
from pipeline.store.face_schema import collections, faces, users
from pipeline.store.faces import IDS, Image, NewFace
from pipeline.store.metadata import utcnow

SHORTEST = 1e-3
"""Of a mean that has a direction; embeddings of faces have a mean of .3 at least, whoever they are of."""
NOWHERE = {"Left": 0.0, "Top": 0.0, "Width": 0.0, "Height": 0.0}


@dataclass(frozen=True, slots=True)
class UserVector:
    """What a user's faces have in common.

    Attributes:
        vector: Direction of the mean of their embeddings: float32, little-endian, of length 1.
        length: Of that mean, above 0 to 1: 1 if they are all the same.
        faces: How many there are.
    """

    vector: bytes
    length: float
    faces: int


def gallery(connection: Connection, collection: Collection) -> Collection | None:
    """The collection of the vectors: `user_id` says whose, `confidence` is 100 times the `length`; None: there are none."""
    return find(connection, USERS, _name(collection))


def vector_of(connection: Connection, collection: Collection, user_id: str) -> UserVector | None:
    """The vector of a user as its faces are now; None: it has no faces."""
    return next((vector for _, vector in _made(connection, collection, [user_id])), None)


def embeddings(connection: Connection, collection: Collection, positions: Sequence[int]) -> dict[int, bytes]:
    """Position -> embedding of the faces at these positions."""
    found: dict[int, bytes] = {}
    for start in range(0, len(positions), IDS):
        part = (faces.c.collection == collection.number, faces.c.position.in_(positions[start : start + IDS]))
        found |= {row.position: row.vector for row in connection.execute(_vectors().where(*part))}
    return found


def renew(connection: Connection, collection: Collection, user_ids: Sequence[str]) -> None:
    """Makes the vectors and counts of these users, `IDS` at most, those of their faces in the locked collection."""
    made = dict(_made(connection, collection, user_ids))
    _replace(connection, collection, user_ids, made)
    for user_id in user_ids:
        known = made.get(user_id)
        values = {"faces": known.faces, "model_version": collection.face_model_version} if known else _EMPTY
        mine = (users.c.collection == collection.number, users.c.id == user_id)
        connection.execute(update(users).where(*mine).values(values))


def renew_some(connection: Connection, collection: Collection, limit: int = IDS) -> int:
    """How many users of the locked collection, `limit` at most, had a vector of another version, or none, and have one of their faces now.

    Called until it is 0 by whoever has embedded the faces of a collection anew, or has added users to it by `users.create_many`.
    """
    other = or_(users.c.model_version.is_(None), users.c.model_version != collection.face_model_version)
    theirs = (faces.c.collection == users.c.collection, faces.c.user_id == users.c.id)
    query = select(users.c.id).where(
        users.c.collection == collection.number, other, select(faces.c.id).where(*theirs).exists()
    )
    waiting = list(connection.execute(query.order_by(users.c.number).limit(min(limit, IDS))).scalars())
    if waiting:
        renew(connection, collection, waiting)
    else:
        _retire_others(connection, collection)
    return len(waiting)


_EMPTY: dict[str, object] = {"faces": 0, "model_version": None}


def _made(connection: Connection, collection: Collection, user_ids: Sequence[str]) -> Iterator[tuple[str, UserVector]]:
    """Id and vector of those of the users that have faces."""
    theirs = (faces.c.collection == collection.number, faces.c.user_id.in_(user_ids))
    rows = connection.execute(_vectors().where(*theirs).order_by(faces.c.user_id, faces.c.position))
    for user_id, own in groupby(rows, key=lambda row: row.user_id):
        yield user_id, _mean([row.vector for row in own])


def _mean(vectors: Sequence[bytes]) -> UserVector:
    columns = zip(*(array("f", vector) for vector in vectors), strict=True)
    mean = [math.fsum(column) / len(vectors) for column in columns]
    length = math.hypot(*mean)
    if length < SHORTEST:  # no direction: nobody is like all of them
        return UserVector(vectors[0], SHORTEST, len(vectors))
    return UserVector(array("f", [number / length for number in mean]).tobytes(), min(1.0, length), len(vectors))


def _replace(
    connection: Connection, collection: Collection, user_ids: Sequence[str], made: dict[str, UserVector]
) -> None:
    """Takes the old vectors of the users away and keeps the new ones."""
    name = _name(collection)
    own = find(connection, USERS, name, lock=True)
    if own is not None:
        mine = (faces.c.collection == own.number, faces.c.user_id.in_(user_ids))
        old = list(connection.execute(select(faces.c.id).where(*mine)).scalars())
        store.remove(connection, own, list(store.by_id(connection, own, old).values()))
    elif made:
        create(connection, USERS, name, "local", utcnow(), version=collection.face_model_version)
    new = [(Image(user_id), [_as_face(user_id, vector)]) for user_id, vector in made.items()]
    if new:
        store.add_many(connection, USERS, name, new)


def _as_face(user_id: str, made: UserVector) -> NewFace:
    return NewFace(NOWHERE, 100 * made.length, made.vector, user_id)


def _retire_others(connection: Connection, collection: Collection) -> None:
    """Leaves vectors of other versions to the sweeper."""
    same = (collections.c.account == USERS, collections.c.name.startswith(f"{collection.number} "))
    others = update(collections).where(*same, collections.c.name != _name(collection))
    connection.execute(others.values(account=None))


def _vectors() -> Select[Any]:
    return select(faces.c.position, faces.c.user_id, faces.c.vector)


def _name(collection: Collection) -> str:
    return f"{collection.number} {collection.face_model_version}"
