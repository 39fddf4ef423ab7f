"""Faces that are embedded anew: new embeddings wait beside the old ones until there is one for every face, and are then put in their place.

Every function works inside the caller's transaction. FaceIds, ImageIds, ExternalImageIds, boxes and users stay as they are.
"""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, Select, and_, delete, func, insert, select, update

from pipeline.errors import SetupError
from pipeline.store import collections as store
from pipeline.store import faces as faces_store
from pipeline.store import user_vectors
from pipeline.store.collections import Collection
from pipeline.store.face_schema import collections, faces, removed_faces, renewed_faces, users
from pipeline.store.faces import IDS, Face, check_vector


def begin(connection: Connection, collection: Collection, version: str) -> int:
    """How many faces wait with embeddings of this version; those of others are forgotten."""
    mine = renewed_faces.c.collection == collection.number
    connection.execute(delete(renewed_faces).where(mine, renewed_faces.c.model_version != version))
    return connection.execute(select(func.count()).select_from(renewed_faces).where(mine)).scalar_one()


def keep(connection: Connection, collection: Collection, version: str, vectors: Mapping[int, bytes]) -> None:
    """Keeps embeddings for the faces at these positions, instead of any that wait for them.

    Raises:
        ValueError: a vector is of another size or length.
    """
    for vector in vectors.values():
        check_vector(vector)
    positions = sorted(vectors)
    for start in range(0, len(positions), IDS):
        part = positions[start : start + IDS]
        mine = (renewed_faces.c.collection == collection.number, renewed_faces.c.position.in_(part))
        connection.execute(delete(renewed_faces).where(*mine))
    shared = {"collection": collection.number, "model_version": version}
    rows = [{**shared, "position": position, "vector": vectors[position]} for position in positions]
    if rows:
        connection.execute(insert(renewed_faces), rows)


def waiting(connection: Connection, collection: Collection, image_ids: Iterable[str]) -> list[Face]:
    """The faces of these images for which no embedding waits, in the order of arrival."""
    known = {face.position: face for face in faces_store.by_image(connection, collection, image_ids)}
    positions = sorted(known)
    for start in range(0, len(positions), IDS):
        part = positions[start : start + IDS]
        mine = (renewed_faces.c.collection == collection.number, renewed_faces.c.position.in_(part))
        for done in connection.execute(select(renewed_faces.c.position).where(*mine)).scalars():
            del known[done]
    return [known[position] for position in sorted(known)]


def count_left(connection: Connection, collection: Collection, version: str) -> int:
    """How many faces are of another version and have no embedding that waits."""
    return connection.execute(select(func.count()).select_from(_left(collection, version).subquery())).scalar_one()


def left(connection: Connection, collection: Collection, version: str, limit: int | None = None) -> list[Face]:
    """Those faces, in the order of arrival."""
    query = _left(collection, version).order_by(faces.c.position).limit(limit)
    return list(faces_store.by_id(connection, collection, [row.id for row in connection.execute(query)]).values())


def finish(connection: Connection, collection: Collection, account: str, version: str, drop: bool) -> Collection:
    """The collection with the embeddings that waited, and of their version; vectors of its users are still to be made.

    Args:
        connection: A transaction that writes.
        collection: As it was when its faces were embedded.
        account: Whose it is.
        version: Of the embeddings.
        drop: Whether faces of other versions without a new embedding are removed.

    Raises:
        RequestError: ResourceNotFoundException.
        SetupError: the collection is another one now, or there are such faces and they are not to be removed.
    """
    now = store.get(connection, account, collection.name, lock=True)
    if now.number != collection.number:
        raise SetupError(f"The collection {collection.name} was replaced by another one meanwhile.")
    lost = left(connection, now, version)
    if lost and not drop:
        raise SetupError(f"{len(lost)} faces of {now.name} have not been embedded anew.")
    faces_store.remove(connection, now, lost)
    _put(connection, now)
    _raise_version(connection, now, version)
    now = store.get(connection, account, collection.name)
    owners = sorted({face.user_id for face in lost if face.user_id is not None})
    for start in range(0, len(owners), IDS):
        user_vectors.renew(connection, now, owners[start : start + IDS])
    return now


def _left(collection: Collection, version: str) -> Select[tuple[str]]:
    new = and_(renewed_faces.c.collection == faces.c.collection, renewed_faces.c.position == faces.c.position)
    query = select(faces.c.id).outerjoin(renewed_faces, new).where(faces.c.collection == collection.number)
    return query.where(faces.c.model_version != version, renewed_faces.c.position.is_(None))


def _put(connection: Connection, collection: Collection) -> None:
    """Puts the embeddings that wait in the place of the old ones."""
    same = (renewed_faces.c.collection == faces.c.collection, renewed_faces.c.position == faces.c.position)
    new = {name: select(renewed_faces.c[name]).where(*same).scalar_subquery() for name in ("vector", "model_version")}
    mine = (faces.c.collection == collection.number, select(renewed_faces.c.position).where(*same).exists())
    connection.execute(update(faces).where(*mine).values(**new))
    connection.execute(delete(renewed_faces).where(renewed_faces.c.collection == collection.number))


def _raise_version(connection: Connection, collection: Collection, version: str) -> None:
    """Has whoever holds a copy of the vectors read all of them anew."""
    mine = collections.c.number == collection.number
    revision = collections.c.revision + 1
    new = {"face_model_version": version, "revision": revision, "listed_from": revision}
    connection.execute(update(collections).where(mine).values(**new))
    connection.execute(delete(removed_faces).where(removed_faces.c.collection == collection.number))
    connection.execute(update(users).where(users.c.collection == collection.number).values(model_version=None))
