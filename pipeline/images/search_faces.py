"""SearchFaces: the faces of a collection that are like one of its own."""

from typing import Any

import numpy as np

from pipeline.errors import RequestError
from pipeline.faces.indices import check_version
from pipeline.images.call import Call
from pipeline.images.face_matches import face_matches
from pipeline.media.types import F32
from pipeline.store import collections, faces
from pipeline.store.collections import Collection
from pipeline.store.engine import reading


def answer(call: Call) -> dict[str, Any]:
    """FaceMatches, most similar first, without the face itself.

    Raises:
        RequestError: the collection or the face does not exist, or the collection cannot be searched.
    """
    face_id = call.request["FaceId"]
    with reading(call.services.engine) as connection:
        collection = collections.get(connection, call.account, call.request["CollectionId"])
        check_version(collection)
        found = faces.by_id(connection, collection, [face_id]).get(face_id)
        vector = None if found is None else _vector(next(faces.vectors(connection, collection, *_at(found)), None))
    if vector is None:
        raise _unknown(collection, face_id)
    return {
        "SearchedFaceId": face_id,
        "FaceMatches": face_matches(call, collection, vector, without=face_id),
        "FaceModelVersion": collection.face_model_version,
    }


def _at(face: faces.Face) -> tuple[int, int]:
    return face.position, face.position + 1


def _vector(row: tuple[int, str, bytes] | None) -> F32 | None:
    """(D,) float32; None: the face was removed between two looks."""
    return None if row is None else np.frombuffer(row[2], "<f4")


def _unknown(collection: Collection, face_id: str) -> RequestError:
    return RequestError(
        "InvalidParameterException",
        f"Request has invalid parameters: FaceId: {face_id}: faceId was not found in the collection {collection.name}.",
    )
