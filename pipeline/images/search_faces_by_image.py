"""SearchFacesByImage: the faces of a collection that are like the largest one of an image."""

from typing import Any

from pipeline.aggregate.faces import face_detail
from pipeline.errors import RequestError
from pipeline.faces.indices import check_version
from pipeline.images.call import Call
from pipeline.images.face_matches import face_matches
from pipeline.images.look import Looked, look, vectors_of
from pipeline.store import collections
from pipeline.store.engine import reading

NO_FACE = "There are no faces in the image. Should be at least 1."


def answer(call: Call) -> dict[str, Any]:
    """FaceMatches, most similar first, and which face of the image was searched for.

    Raises:
        RequestError: the collection does not exist or cannot be searched, or the image cannot be used or shows no face that can be.
    """
    with reading(call.services.engine) as connection:
        collection = collections.get(connection, call.account, call.request["CollectionId"])
    check_version(collection)
    level = call.request.get("QualityFilter", "NONE")
    looked = look(call, level)
    if looked.chosen is None:
        raise RequestError("InvalidParameterException", _refusal(looked, level))
    (vector,) = vectors_of(call, looked, [looked.chosen])
    searched = face_detail(looked.faces, looked.chosen)
    return {
        "SearchedFaceBoundingBox": searched["BoundingBox"],
        "SearchedFaceConfidence": searched["Confidence"],
        "FaceMatches": face_matches(call, collection, vector),
        "FaceModelVersion": collection.face_model_version,
    }


def _refusal(looked: Looked, level: str) -> str:
    """Why no face can be searched for."""
    if not looked.reasons:
        return NO_FACE
    found = f"{len(looked.reasons)} {'was' if len(looked.reasons) == 1 else 'were'} found"
    return (
        f"{NO_FACE} {found}, none good enough for QualityFilter {level}; the largest: {', '.join(looked.reasons[0])}."
    )
