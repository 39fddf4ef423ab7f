"""The celebrities of the installation and their faces; every function works inside the caller's transaction.

Their faces lie in a collection of the installation itself, each under the id of its celebrity.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from pipeline.store import collections, faces
from pipeline.store.collections import CELEBRITIES, Collection
from pipeline.store.face_schema import celebrities
from pipeline.store.face_schema import faces as faces_table
from pipeline.store.faces import IDS, Face, Image, NewFace

_NAME = "faces"


@dataclass(frozen=True, slots=True)
class Celebrity:
    """Somebody whom RecognizeCelebrities can name.

    Attributes:
        id: Digits and letters.
        name: As answers show it.
        urls: Where more is to be read.
        known_gender: "Male", "Female", "Nonbinary", "Unlisted", or None where it is not known.
    """

    id: str
    name: str
    urls: Sequence[str] = field(default_factory=tuple)
    known_gender: str | None = None

    @property
    def wire(self) -> dict[str, Any]:
        """Id, Name, Urls and KnownGender as the API shows them."""
        gender = {} if self.known_gender is None else {"KnownGender": {"Type": self.known_gender}}
        return {"Id": self.id, "Name": self.name, "Urls": list(self.urls), **gender}


def put(connection: Connection, celebrity: Celebrity, now: datetime) -> None:
    """Keeps a celebrity, instead of the one of that id; faces stay."""
    connection.execute(delete(celebrities).where(celebrities.c.id == celebrity.id))
    values = {name: getattr(celebrity, name) for name in Celebrity.__dataclass_fields__}
    connection.execute(insert(celebrities).values({**values, "urls": list(celebrity.urls), "created_at": now}))


def by_id(connection: Connection, ids: Iterable[str]) -> dict[str, Celebrity]:
    """Id -> celebrity, of those that are known."""
    wanted = sorted(set(ids))
    found: dict[str, Celebrity] = {}
    for start in range(0, len(wanted), IDS):
        query = select(celebrities).where(celebrities.c.id.in_(wanted[start : start + IDS]))
        found |= {row["id"]: _celebrity(row) for row in connection.execute(query).mappings()}
    return found


def listed(connection: Connection) -> list[tuple[Celebrity, int]]:
    """All celebrities with the number of their faces, oldest first."""
    gallery = collections.find(connection, CELEBRITIES, _NAME)
    counts: dict[str, int] = {}
    if gallery is not None:
        mine = faces_table.c.collection == gallery.number
        query = select(faces_table.c.user_id, func.count()).where(mine).group_by(faces_table.c.user_id)
        counts = {row[0]: row[1] for row in connection.execute(query)}
    rows = connection.execute(select(celebrities).order_by(celebrities.c.created_at, celebrities.c.id)).mappings()
    return [(_celebrity(row), counts.get(row["id"], 0)) for row in rows]


def gallery(connection: Connection) -> Collection | None:
    """The collection of their faces; None: there are no faces."""
    found = collections.find(connection, CELEBRITIES, _NAME)
    return found if found is not None and found.faces else None


def add_face(connection: Connection, celebrity_id: str, image: Image, face: NewFace, now: datetime) -> Face:
    """The face of a celebrity as it is kept; the same photo of the same celebrity is not kept twice."""
    if collections.find(connection, CELEBRITIES, _NAME) is None:
        collections.create(connection, CELEBRITIES, _NAME, "local", now)
    own = Image(image.digest, celebrity_id)
    new = NewFace(face.box, face.confidence, face.vector, celebrity_id)
    return faces.add(connection, CELEBRITIES, _NAME, own, [new])[0]


def faces_of(connection: Connection, celebrity_id: str, limit: int) -> list[Face]:
    """Faces of a celebrity, oldest first."""
    found = collections.find(connection, CELEBRITIES, _NAME)
    return [] if found is None else faces.listed(connection, found, -1, limit, user_id=celebrity_id)


def remove(connection: Connection, celebrity_id: str) -> bool:
    """Whether the celebrity was known; it is no more, nor are its faces."""
    found = collections.find(connection, CELEBRITIES, _NAME, lock=True)
    while found is not None and (part := faces.listed(connection, found, -1, IDS, user_id=celebrity_id)):
        faces.remove(connection, found, part)
        found = collections.find(connection, CELEBRITIES, _NAME)
    return connection.execute(delete(celebrities).where(celebrities.c.id == celebrity_id)).rowcount == 1


def _celebrity(row: Mapping[Any, Any]) -> Celebrity:
    return Celebrity(row["id"], row["name"], tuple(row["urls"]), row["known_gender"])
