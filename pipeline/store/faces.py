"""Faces of collections in the database; every function works inside the caller's transaction."""

import math
import uuid
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, Connection, RowMapping, Select, delete, func, insert, select, update

from pipeline.errors import RequestError
from pipeline.store.collections import Collection
from pipeline.store.collections import get as get_collection
from pipeline.store.face_rows import insert_faces
from pipeline.store.face_schema import collections, faces, removed_faces
from pipeline.store.face_types import Face, Image, NewFace, overlap
from pipeline.store.lookup import rows_by

__all__ = ["Face", "Image", "NewFace", "overlap"]

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


def image_id(collection: Collection, image: Image) -> str:
    """The ImageId of an image in a collection."""
    return str(uuid.uuid5(uuid.UUID(collection.image_namespace or collection.id), image.digest))


def add(
    connection: Connection, account: str, name: str, image: Image, found: Sequence[NewFace], limit: int | None = None
) -> list[Face]:
    """The faces found in an image as the collection has them; see `add_many`."""
    return add_many(connection, account, name, [(image, found)], limit)[0]


def add_many(
    connection: Connection,
    account: str,
    name: str,
    images: Sequence[tuple[Image, Sequence[NewFace]]],
    limit: int | None = None,
) -> list[list[Face]]:
    """The faces found in images as the collection has them, image by image and row by row; those that it had are not kept twice.

    Args:
        connection: A transaction that writes.
        account: Whose collection it is.
        name: CollectionId.
        images: Where faces are from, and what was found there; the same image with another ExternalImageId is another one here.
        limit: Faces that the collection may have.

    Raises:
        RequestError: ResourceNotFoundException or ServiceQuotaExceededException.
        ValueError: a vector is of another size or length.
    """
    for _, found in images:
        for face in found:
            check_vector(face.vector)
    collection = get_collection(connection, account, name, lock=True)
    known = _of_images(connection, collection, [image for image, _ in images])
    kept, fresh = _matched(collection, known, images)
    if limit is not None and fresh and collection.faces + len(fresh) > limit:
        raise RequestError(
            "ServiceQuotaExceededException",
            f"The collection id: {name} has {collection.faces} faces; {limit} is the maximum.",
        )
    if fresh:
        insert_faces(connection, collection.number, fresh)
        _changed(connection, collection, len(fresh), collection.next_position + len(fresh))
    return kept


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
    return {face.id: face for face in _keyed(connection, collection, faces.c.id, face_ids)}


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


def embedded(connection: Connection, collection: Collection) -> Iterator[tuple[Face, bytes]]:
    """All faces with their embeddings, in the order of arrival, read in a stream."""
    query = select(faces).where(faces.c.collection == collection.number).order_by(faces.c.position)
    for row in connection.execute(query.execution_options(yield_per=1000)).mappings():
        yield _face(row), row["vector"]


def removals(connection: Connection, collection: Collection, after: int) -> list[int]:
    """Positions whose faces were removed since the revision `after`, which must not be less than `listed_from`."""
    mine = (removed_faces.c.collection == collection.number, removed_faces.c.revision > after)
    return list(connection.execute(select(removed_faces.c.position).where(*mine)).scalars())


def check_vector(vector: bytes) -> None:
    """Refuses what is no embedding.

    Raises:
        ValueError: it is of another size or length.
    """
    numbers = array("f", vector if len(vector) % 4 == 0 else b"")
    if len(numbers) != DIMENSIONS or not abs(math.hypot(*numbers) - 1) < LENGTH_ERROR:
        raise ValueError(f"a face needs a vector of {DIMENSIONS} numbers and length 1, not {len(vector)} bytes")


def of_images(connection: Connection, collection: Collection, images: Iterable[Image]) -> dict[Image, list[Face]]:
    """Image -> its faces in the order of arrival, for those of the images from which the collection has faces."""
    wanted = {(image_id(collection, image), image.external_id): image for image in images}
    return {wanted[key]: known for key, known in _of_images(connection, collection, wanted.values()).items() if known}


def by_image(connection: Connection, collection: Collection, image_ids: Iterable[str]) -> list[Face]:
    """The faces of the images with these ImageIds, whatever their ExternalImageIds."""
    return _keyed(connection, collection, faces.c.image_id, image_ids)


def _of_images(
    connection: Connection, collection: Collection, images: Iterable[Image]
) -> dict[tuple[str, str | None], list[Face]]:
    """(ImageId, ExternalImageId) -> known faces, in the order of arrival."""
    known: dict[tuple[str, str | None], list[Face]] = {
        (image_id(collection, image), image.external_id): [] for image in images
    }
    there = by_image(connection, collection, (picture for picture, _ in known))
    for face in sorted(there, key=lambda face: face.position):
        if (face.image_id, face.external_image_id) in known:
            known[face.image_id, face.external_image_id].append(face)
    return known


def _matched(
    collection: Collection,
    known: Mapping[tuple[str, str | None], list[Face]],
    images: Sequence[tuple[Image, Sequence[NewFace]]],
) -> tuple[list[list[Face]], list[tuple[Face, bytes]]]:
    """The faces of each image, and those among them that are to be kept, with their vectors."""
    kept: list[list[Face]] = []
    fresh: list[tuple[Face, bytes]] = []
    for image, found in images:
        picture = image_id(collection, image)
        there = known[picture, image.external_id]
        rows = [_same(there, face) for face in found]
        for row, face in enumerate(found):
            if rows[row] is None:
                rows[row] = new = _numbered(collection, len(fresh), picture, image.external_id, face)
                fresh.append((new, face.vector))
        kept.append([face for face in rows if face is not None])
        there[:] = {face.id: face for face in [*there, *kept[-1]]}.values()
    return kept, fresh


def _same(known: Sequence[Face], face: NewFace) -> Face | None:
    """The known face of the image that this is, by its place."""
    best = max(known, key=lambda old: overlap(old.box, face.box), default=None)
    return best if best is not None and overlap(best.box, face.box) >= SAME_FACE else None


def _numbered(collection: Collection, number: int, picture: str, external_id: str | None, face: NewFace) -> Face:
    """The face as it will be kept."""
    return Face(
        position=collection.next_position + number,
        id=str(uuid.uuid4()),
        image_id=picture,
        external_image_id=external_id,
        box=face.box,
        confidence=face.confidence,
        model_version=collection.face_model_version,
        user_id=face.user_id,
    )


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


_FIELDS = [column for column in faces.c if column.name not in {"collection", "vector"}]


def _keyed(connection: Connection, collection: Collection, key: Column[Any], values: Iterable[str]) -> list[Face]:
    mine = faces.c.collection == collection.number
    return [_face(row) for row in rows_by(connection, _FIELDS, mine, key, sorted(set(values)))]


def _select(collection: Collection, *where: ColumnElement[bool]) -> Select[Any]:
    return select(*_FIELDS).where(faces.c.collection == collection.number, *where)


def _read(connection: Connection, query: Select[Any]) -> list[Face]:
    return [_face(row) for row in connection.execute(query).mappings()]


def _parts(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), IDS):
        yield values[start : start + IDS]


def _face(row: RowMapping) -> Face:
    box = {name: row[f"box_{name.lower()}"] for name in ("Left", "Top", "Width", "Height")}
    plain = {name: row[name] for name in Face.__dataclass_fields__ if name != "box"}
    return Face(box=box, **plain)
