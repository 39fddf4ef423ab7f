"""Face collections of accounts in the database; every function works inside the caller's transaction."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, delete, func, or_, select, update

from pipeline.errors import RequestError
from pipeline.store.face_schema import collections, faces, users
from pipeline.store.insertion import insert_new
from pipeline.store.metadata import utcnow

FACE_MODEL_VERSION = "2021.12"
"""Version of the embeddings that faces are known by (face-sface 2021dec); raised when new ones cannot be compared with old."""
CELEBRITIES = "celebrities"
"""Stands for the account of the installation's own collection; accounts are digits, so nobody can name it."""
USERS = "users"
"""Stands likewise for the account of the collections of vectors of users; see `user_vectors`."""


@dataclass(frozen=True, slots=True)
class Collection:
    """A named set of faces.

    Attributes:
        number: In the order of creation.
        id: 32 hexadecimal digits, never given twice.
        name: The CollectionId.
        arn: arn:aws:rekognition:REGION:ACCOUNT:collection/NAME.
        face_model_version: Version of the embeddings in it.
        tags: Key -> value.
        created_at: When it was made.
        faces: How many there are.
        next_position: Position of the next face.
        revision: Counts the transactions that added or removed faces.
        listed_from: Removals up to this revision are not listed any more.
        image_namespace: What ImageIds are made with, where that is not the id.
        users: How many there are.
    """

    number: int
    id: str
    name: str
    arn: str
    face_model_version: str
    tags: Mapping[str, str]
    created_at: datetime
    faces: int
    next_position: int
    revision: int
    listed_from: int
    image_namespace: str | None = None
    users: int = 0


_QUOTA_LOCK = 1129270860  # any number that nothing else locks together with an account
_FIELDS = tuple(collections.c[name] for name in Collection.__dataclass_fields__)


def create(
    connection: Connection,
    account: str,
    name: str,
    region: str,
    now: datetime,
    tags: Mapping[str, str] | None = None,
    limit: int | None = None,
    version: str | None = None,
) -> Collection:
    """A new, empty collection of the account; `limit`: how many the account may have; `version`: of its embeddings, if not of today.

    Raises:
        RequestError: ResourceAlreadyExistsException or ServiceQuotaExceededException.
    """
    if find(connection, account, name):
        raise _taken(name)
    check_room(connection, account, limit)
    values = {
        "id": uuid.uuid4().hex,
        "account": account,
        "name": name,
        "arn": arn_of(region, account, name),
        "face_model_version": version or FACE_MODEL_VERSION,
        "tags": dict(tags or {}),
        "created_at": now,
        **dict.fromkeys(("faces", "next_position", "revision", "listed_from"), 0),
    }
    if not insert_new(connection, collections, values):
        raise _taken(name)
    return get(connection, account, name)


def check_room(connection: Connection, account: str, limit: int | None) -> None:
    """Refuses a further collection of an account that has as many as it may have; None: there is no limit.

    Raises:
        RequestError: ServiceQuotaExceededException.
    """
    if limit is not None and connection.dialect.name == "postgresql":
        # Of those who create at once, each counts what the one before has committed; SQLite's writers wait for each other anyway.
        connection.execute(select(func.pg_advisory_xact_lock(_QUOTA_LOCK, func.hashtext(account))))
    if limit is not None and count(connection, account) >= limit:
        raise RequestError(
            "ServiceQuotaExceededException", f"The account {account} has {limit} collections, which is the maximum."
        )


def _taken(name: str) -> RequestError:
    return RequestError("ResourceAlreadyExistsException", f"The collection id: {name} already exists")


def arn_of(region: str, account: str, name: str) -> str:
    """The CollectionArn."""
    return f"arn:aws:rekognition:{region}:{account}:collection/{name}"


def count(connection: Connection, account: str) -> int:
    """How many collections the account has."""
    query = select(func.count()).select_from(collections).where(collections.c.account == account)
    return connection.execute(query).scalar_one()


def find(connection: Connection, account: str, name: str, lock: bool = False) -> Collection | None:
    """The account's collection of this name; with `lock` nobody else changes it before the transaction ends."""
    query = select(*_FIELDS).where(collections.c.account == account, collections.c.name == name)
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    return None if row is None else _collection(row)


def get(connection: Connection, account: str, name: str, lock: bool = False) -> Collection:
    """The account's collection of this name; see `find`.

    Raises:
        RequestError: ResourceNotFoundException.
    """
    found = find(connection, account, name, lock)
    if found is None:
        raise RequestError("ResourceNotFoundException", f"The collection id: {name} does not exist")
    return found


def by_number(connection: Connection, number: int) -> Collection | None:
    """The collection with this number, unless it was deleted."""
    query = select(*_FIELDS).where(collections.c.number == number, collections.c.account.is_not(None))
    row = connection.execute(query).mappings().first()
    return None if row is None else _collection(row)


def listed(connection: Connection, account: str, after: int, limit: int) -> list[Collection]:
    """Collections of the account with greater numbers than `after`, oldest first."""
    query = select(*_FIELDS).where(collections.c.account == account, collections.c.number > after)
    rows = connection.execute(query.order_by(collections.c.number).limit(limit)).mappings()
    return [_collection(row) for row in rows]


def living(connection: Connection) -> set[str]:
    """Ids of all collections that were not deleted."""
    return set(connection.execute(select(collections.c.id).where(collections.c.account.is_not(None))).scalars())


def remove(connection: Connection, account: str, name: str) -> None:
    """Takes the collection and the vectors of its users from the account; `clear_removed` takes its faces and users.

    Raises:
        RequestError: ResourceNotFoundException.
    """
    mine = (collections.c.account == account, collections.c.name == name)
    gone = update(collections).where(*mine).values(account=None).returning(collections.c.number)
    number = connection.execute(gone).scalar()
    if number is None:
        raise RequestError("ResourceNotFoundException", f"The collection id: {name} does not exist")
    remove_vectors(connection, number)


def remove_vectors(connection: Connection, number: int) -> None:
    """Leaves the vectors of the users of the collection of this number to `clear_removed`."""
    of_users = (collections.c.account == USERS, collections.c.name.startswith(f"{number} "))
    connection.execute(update(collections).where(*of_users).values(account=None))


def clear_removed(connection: Connection, limit: int) -> bool:
    """Whether there was a deleted collection, or one that nobody fills any more.

    Up to `limit` of its faces and users were removed; after the last ones, itself.
    """
    abandoned = or_(collections.c.lease_until.is_(None), collections.c.lease_until <= utcnow())
    query = select(collections.c.number).where(collections.c.account.is_(None), abandoned)
    query = query.order_by(collections.c.number).limit(1)
    dead = connection.execute(query.with_for_update(skip_locked=True)).scalar()
    if dead is None:
        return False
    # Whoever comes back late finds that it is gone.
    connection.execute(update(collections).where(collections.c.number == dead).values(lease_until=None))
    remove_vectors(connection, dead)
    batch = select(faces.c.position).where(faces.c.collection == dead).order_by(faces.c.position).limit(limit)
    positions = list(connection.execute(batch).scalars())
    if positions:
        first_ones = (faces.c.collection == dead, faces.c.position <= positions[-1])
        connection.execute(delete(faces).where(*first_ones))
    left = limit - len(positions)
    people = select(users.c.number).where(users.c.collection == dead).limit(left)
    if left and connection.execute(delete(users).where(users.c.number.in_(people))).rowcount < left:
        connection.execute(delete(collections).where(collections.c.number == dead))
    return True


def _collection(row: RowMapping) -> Collection:
    return Collection(**row)
