"""The faces of a collection that are like one, in the terms of requests."""

from typing import Any

from pipeline.aggregate.similarity import DEFAULT, least_cosine, similarity
from pipeline.faces.indices import face_index
from pipeline.images.call import Call
from pipeline.media.types import F32
from pipeline.store.collections import Collection

MOST_MATCHES = 80
"""Without MaxFaces, of which Amazon documents no default."""


def face_matches(call: Call, collection: Collection, vector: F32, without: str | None = None) -> list[dict[str, Any]]:
    """FaceMatches of a request with MaxFaces and FaceMatchThreshold, most similar first, ties by FaceId.

    Args:
        call: The request.
        collection: Where to look.
        vector: (D,) float32, of length 1.
        without: FaceId of the face that is searched for, if the collection has it: it is no match of its own.

    Raises:
        RequestError: the collection was deleted meanwhile, has faces of another model, or cannot be searched yet.
    """
    most = call.request.get("MaxFaces", MOST_MATCHES)
    least = least_cosine(call.request.get("FaceMatchThreshold", DEFAULT))
    (found,) = face_index(call.services, collection).search(vector[None], least, most + (without is not None))
    matches = [(cosine, face) for cosine, face in found if face.id != without]
    return [{"Similarity": similarity(cosine), "Face": face.wire} for cosine, face in matches[:most]]
