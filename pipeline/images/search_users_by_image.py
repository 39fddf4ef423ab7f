"""SearchUsersByImage: the users of a collection that are like the largest face of an image."""

from collections.abc import Iterator
from typing import Any

from pipeline.aggregate.faces import face_detail
from pipeline.faces.indices import check_version
from pipeline.faces.users import Probe
from pipeline.images.call import Call
from pipeline.images.look import Looked, look, vectors_of
from pipeline.images.user_matches import user_matches
from pipeline.store import collections
from pipeline.store.engine import reading


def answer(call: Call) -> dict[str, Any]:
    """UserMatches, most similar first, the face that was searched for, and why others were not; without a good face nothing is found.

    Raises:
        RequestError: the collection does not exist or cannot be searched, or the image cannot be used.
    """
    with reading(call.services.engine) as connection:
        collection = collections.get(connection, call.account, call.request["CollectionId"])
    check_version(collection)
    looked = look(call, call.request.get("QualityFilter", "NONE"))
    found = {
        "UserMatches": [],
        "FaceModelVersion": collection.face_model_version,
        "UnsearchedFaces": list(_unsearched(looked)),
    }
    if looked.chosen is None:
        return found
    (vector,) = vectors_of(call, looked, [looked.chosen])
    searched = {"FaceDetail": face_detail(looked.faces, looked.chosen)}
    return {**found, "UserMatches": user_matches(call, collection, Probe(vector)), "SearchedFace": searched}


def _unsearched(looked: Looked) -> Iterator[dict[str, Any]]:
    """The other faces, largest first; one that is smaller than the chosen one and not good enough either has all its reasons."""
    for row, flaws in enumerate(looked.reasons):
        if row != looked.chosen:
            smaller = looked.chosen is not None and row > looked.chosen
            reasons = ["FACE_NOT_LARGEST"] * smaller + list(flaws)
            yield {"FaceDetails": face_detail(looked.faces, row), "Reasons": reasons}
