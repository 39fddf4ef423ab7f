"""Faces of collections in the database; every function works inside the caller's transaction."""

import math
import uuid
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, delete, func, insert, select, update

from pipeline.errors import RequestError
from pipeline.store.collections import Collection
from pipeline.store.collections import get as get_collection
from pipeline.store.face_schema import collections, faces, removed_faces

T = TypeVar("T")

SAME_FACE = 0.5
"""Least overlap (intersection over union) of a face with one that an earlier call found in the same image."""
SPARE_REMOVALS = 1000
"""Removals that stay listed however few faces are left."""
DIMENSIONS = 128
"""Of an embedding."""
LENGTH_ERROR = 1e-3
"""How far from 1 the length of an embedding may be."""
IDS = 500
"""Ids in one query: databases limit the parameters of a statement."""


@dataclass(frozen=True, slots=True)
class Image:
    """Where faces come from.

    Attributes:
        digest: SHA-256 of the image's bytes, hexadecimal: the same digest is the same image.
        external_id: The caller's ExternalImageId.
    """

    digest: str
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class NewFace:
    """A face to be kept.

    Attributes:
        box: BoundingBox, AWS-shaped.
        confidence: 0 to 100.
        vector: The embedding: float32, little-endian, of length 1.
        user_id: Whose face it is, where that is known.
    """

    box: Mapping[str, float]
    confidence: float
    vector: bytes
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class Face:
    """A face of a collection.

    Attributes:
        position: In the order of arrival.
        id: FaceId.
        image_id: ImageId, the same for the same image in a collection.
        external_image_id: As the caller gave it.
        box: BoundingBox, AWS-shaped.
        confidence: 0 to 100.
        model_version: Version of its embedding.
        user_id: Whose face it is, where that is known.
    """

    position: int
    id: str
    image_id: str
    external_image_id: str | None
    box: Mapping[str, float]
    confidence: float
    model_version: str
    user_id: str | None

    @property
    def wire(self) -> dict[str, Any]:
        """The `Face` of the API."""
        members = {
            "FaceId": self.id,
            "BoundingBox": dict(self.box),
            "ImageId": self.image_id,
            "ExternalImageId": self.external_image_id,
            "Confidence": self.confidence,
            "IndexFacesModelVersion": self.model_version,
            "UserId": self.user_id,
        }
        return {name: value for name, value in members.items() if value is not None}


def image_id(collection: Collection, image: Image) -> str:
    """The ImageId of an image in a collection."""
    return str(uuid.uuid5(uuid.UUID(collection.id), image.digest))


def add(
    connection: Connection, account: str, name: str, image: Image, found: Sequence[NewFace], limit: int | None = None
) -> list[Face]:
    """The faces found in an image as the collection has them, row by row; those that it had are not kept twice.

    Args:
        connection: A transaction that writes.
        account: Whose collection it is.
        name: CollectionId.
        image: Where the faces are from; the same image with another ExternalImageId is another one here.
        found: What was found in it.
        limit: Faces that the collection may have.

    Raises:
        RequestError: ResourceNotFoundException or ServiceQuotaExceededException.
        ValueError: a vector is of another size or length.
    """
    for face in found:
        _check(face.vector)
    collection = get_collection(connection, account, name, lock=True)
    known = _of_image(connection, collection, image)
    kept = [_same(known, face) for face in found]
    fresh = _numbered(collection, image, [face for face, old in zip(found, kept, strict=True) if old is None])
    if limit is not None and fresh and collection.faces + len(fresh) > limit:
        raise RequestError(
            "ServiceQuotaExceededException",
            f"The collection id: {name} has {collection.faces} faces; {limit} is the maximum.",
        )
    if fresh:
        connection.execute(insert(faces), [_row(collection, face, vector) for face, vector in fresh])
        _changed(connection, collection, len(fresh), collection.next_position + len(fresh))
    arrived = iter(face for face, _ in fresh)
    return [old if old is not None else next(arrived) for old in kept]


def listed(
    connection: Connection,
    collection: Collection,
    after: int,
    limit: int,
    face_ids: Sequence[str] | None = None,
    user_id: str | None = None,
) -> list[Face]:
    """Faces at greater positions than `after`, in the order of arrival; only those asked for, where ids are given."""
    if face_ids is not None:
        known = by_id(connection, collection, face_ids).values()
        fit = (face for face in known if face.position > after and user_id in {None, face.user_id})
        return sorted(fit, key=lambda face: face.position)[:limit]
    query = _select(collection, faces.c.position > after).order_by(faces.c.position).limit(limit)
    return _read(connection, query if user_id is None else query.where(faces.c.user_id == user_id))


def by_id(connection: Connection, collection: Collection, face_ids: Iterable[str]) -> dict[str, Face]:
    """Face id -> face, of those that the collection has."""
    parts = (_select(collection, faces.c.id.in_(part)) for part in _parts(sorted(set(face_ids))))
    return {face.id: face for part in parts for face in _read(connection, part)}


def remove(connection: Connection, collection: Collection, gone: Sequence[Face]) -> None:
    """Takes faces from a collection that the transaction has locked."""
    positions = sorted(face.position for face in gone)
    if not positions:
        return
    for part in _parts(positions):
        connection.execute(delete(faces).where(faces.c.collection == collection.number, faces.c.position.in_(part)))
    revision = _changed(connection, collection, -len(positions), collection.next_position)
    rows = [{"collection": collection.number, "position": one, "revision": revision} for one in positions]
    connection.execute(insert(removed_faces), rows)
    _forget_removals(connection, collection, collection.faces - len(positions), revision)


def vectors(connection: Connection, collection: Collection, start: int, stop: int) -> Iterator[tuple[int, str, bytes]]:
    """Position, id and embedding of the faces at positions `start` to `stop`, in order."""
    mine = (faces.c.collection == collection.number, faces.c.position >= start, faces.c.position < stop)
    query = select(faces.c.position, faces.c.id, faces.c.vector).where(*mine).order_by(faces.c.position)
    for row in connection.execute(query.execution_options(yield_per=10_000)):
        yield row.position, row.id, row.vector


def removals(connection: Connection, collection: Collection, after: int) -> list[int]:
    """Positions whose faces were removed since the revision `after`, which must not be less than `listed_from`."""
    mine = (removed_faces.c.collection == collection.number, removed_faces.c.revision > after)
    return list(connection.execute(select(removed_faces.c.position).where(*mine)).scalars())


def _check(vector: bytes) -> None:
    numbers = array("f", vector if len(vector) % 4 == 0 else b"")
    if len(numbers) != DIMENSIONS or not abs(math.hypot(*numbers) - 1) < LENGTH_ERROR:
        raise ValueError(f"a face needs a vector of {DIMENSIONS} numbers and length 1, not {len(vector)} bytes")


def _of_image(connection: Connection, collection: Collection, image: Image) -> list[Face]:
    same = faces.c.external_image_id.is_not_distinct_from(image.external_id)
    query = _select(collection, faces.c.image_id == image_id(collection, image), same)
    return _read(connection, query.order_by(faces.c.position))


def _same(known: Sequence[Face], face: NewFace) -> Face | None:
    """The known face of the image that this is, by its place."""
    best = max(known, key=lambda old: overlap(old.box, face.box), default=None)
    return best if best is not None and overlap(best.box, face.box) >= SAME_FACE else None


def overlap(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    inside = 1.0
    for start, length in (("Left", "Width"), ("Top", "Height")):
        low = max(one[start], other[start])
        high = min(one[start] + one[length], other[start] + other[length])
        inside *= max(0.0, high - low)
    union = one["Width"] * one["Height"] + other["Width"] * other["Height"] - inside
    return inside / union if union > 0 else 0.0


def _numbered(collection: Collection, image: Image, found: Sequence[NewFace]) -> list[tuple[Face, bytes]]:
    """The faces and vectors as they will be kept."""
    picture, version = image_id(collection, image), collection.face_model_version
    return [
        (
            Face(
                position=collection.next_position + number,
                id=str(uuid.uuid4()),
                image_id=picture,
                external_image_id=image.external_id,
                box=face.box,
                confidence=face.confidence,
                model_version=version,
                user_id=face.user_id,
            ),
            face.vector,
        )
        for number, face in enumerate(found)
    ]


def _changed(connection: Connection, collection: Collection, more: int, next_position: int) -> int:
    """The new revision of a locked collection that has got `more` faces."""
    revision = collection.revision + 1
    mine = update(collections).where(collections.c.number == collection.number)
    values = {"faces": collection.faces + more, "next_position": next_position, "revision": revision}
    connection.execute(mine.values(**values))
    return revision


def _forget_removals(connection: Connection, collection: Collection, left: int, revision: int) -> None:
    """Drops the list of removals once it is longer than the faces: whoever is behind by then reads them anew."""
    mine = removed_faces.c.collection == collection.number
    count = connection.execute(select(func.count()).select_from(removed_faces).where(mine)).scalar_one()
    if count > left + SPARE_REMOVALS:
        connection.execute(delete(removed_faces).where(mine))
        only = update(collections).where(collections.c.number == collection.number)
        connection.execute(only.values(listed_from=revision))


def _select(collection: Collection, *where: ColumnElement[bool]) -> Select[Any]:
    fields = [column for column in faces.c if column.name not in {"collection", "vector"}]
    return select(*fields).where(faces.c.collection == collection.number, *where)


def _read(connection: Connection, query: Select[Any]) -> list[Face]:
    return [_face(row) for row in connection.execute(query).mappings()]


def _parts(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), IDS):
        yield values[start : start + IDS]


def _face(row: RowMapping) -> Face:
    box = {name: row[f"box_{name.lower()}"] for name in ("Left", "Top", "Width", "Height")}
    plain = {name: row[name] for name in Face.__dataclass_fields__ if name != "box"}
    return Face(box=box, **plain)


def _row(collection: Collection, face: Face, vector: bytes) -> dict[str, Any]:
    plain = {name: getattr(face, name) for name in Face.__dataclass_fields__ if name != "box"}
    box = {f"box_{name.lower()}": float(value) for name, value in face.box.items()}
    return {"collection": collection.number, **plain, **box, "vector": vector}
