"""AssociateFaces: faces of a collection become those of one of its users."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import structlog
from sqlalchemy import Connection

from pipeline.aggregate.similarity import least_cosine, similarity
from pipeline.errors import RequestError
from pipeline.faces.indices import check_version
from pipeline.faces.users import Probe, compared, probe_of
from pipeline.images.call import Call
from pipeline.store import collections, faces, user_vectors, users
from pipeline.store.collections import Collection
from pipeline.store.engine import writing
from pipeline.store.faces import Face
from pipeline.store.once import once
from pipeline.store.users import MOST_FACES, User

DEFAULT = 75.0
"""Source: Amazon Rekognition API reference, UserMatchThreshold of AssociateFaces."""

log = structlog.get_logger()


def answer(call: Call) -> dict[str, Any]:
    """AssociatedFaces, and why others were not associated, both in the order of the request; see `once`.

    Raises:
        RequestError: the collection or the user does not exist, the user has all the faces that it may have, the faces are of another
            model, or the token stands for another request.
    """
    with writing(call.services.engine) as connection:
        collection = collections.get(connection, call.account, call.request["CollectionId"])
        return once(
            connection,
            call.account,
            "AssociateFaces",
            call.request,
            collection.id,
            lambda: _associate(connection, call),
        )


def _associate(connection: Connection, call: Call) -> dict[str, Any]:
    request = call.request
    collection = collections.get(connection, call.account, request["CollectionId"], lock=True)
    check_version(collection)
    user = users.get(connection, collection, request["UserId"])
    wanted = list(dict.fromkeys(request["FaceIds"]))
    known = faces.by_id(connection, collection, wanted)
    free = [known[one] for one in wanted if one in known and known[one].user_id is None]
    least = least_cosine(request.get("UserMatchThreshold", DEFAULT))
    unlike = _unlike(_likeness(connection, collection, user, free), least)
    fit = [face for face in free if face.id not in unlike]
    taken = fit[: _room(user, fit)]
    user = users.assign(connection, collection, user, [face.position for face in taken])
    log.info("faces_associated", collection=collection.name, user=user.id, faces=len(taken))
    done = {face.id for face in taken}
    left = [one for one in wanted if one not in done and (one not in known or known[one].user_id != user.id)]
    return {
        "AssociatedFaces": [{"FaceId": face.id} for face in taken],
        "UnsuccessfulFaceAssociations": [_refused(one, known.get(one), unlike, user) for one in left],
        "UserStatus": user.status,
    }


def _likeness(connection: Connection, collection: Collection, user: User, free: Sequence[Face]) -> dict[str, float]:
    """Face id -> likeness to the user as it is, as a cosine; none where the user has no faces to be compared with."""
    own = user_vectors.vector_of(connection, collection, user.id)
    if own is None:
        return {}
    vectors = user_vectors.embeddings(connection, collection, [face.position for face in free])
    probes = ((face.id, Probe(np.frombuffer(vectors[face.position], "<f4"))) for face in free)
    return {face_id: compared(probe, probe_of(own)) for face_id, probe in probes}


def _unlike(likeness: Mapping[str, float], least: float) -> dict[str, float]:
    """Face id -> Similarity of those that are not like enough."""
    return {face_id: similarity(cosine) for face_id, cosine in likeness.items() if cosine < least}


def _room(user: User, fit: Sequence[Face]) -> int:
    """How many more faces the user may have.

    Raises:
        RequestError: none, and there is one to be had.
    """
    if fit and user.faces >= MOST_FACES:
        raise RequestError(
            "ServiceQuotaExceededException", f"The user id: {user.id} has {user.faces} faces, which is the maximum."
        )
    return MOST_FACES - user.faces


def _refused(face_id: str, face: Face | None, unlike: Mapping[str, float], user: User) -> dict[str, Any]:
    """Why a face is not one of the user's."""
    if face is None:
        return {"FaceId": face_id, "Reasons": ["FACE_NOT_FOUND"]}
    if face.user_id is not None:
        return {"FaceId": face_id, "UserId": face.user_id, "Reasons": ["ASSOCIATED_TO_A_DIFFERENT_USER"]}
    if face_id in unlike:
        return {"FaceId": face_id, "Confidence": unlike[face_id], "Reasons": ["LOW_MATCH_CONFIDENCE"]}
    return {
        "FaceId": face_id,
        "UserId": user.id,
        "Reasons": [],
    }  # beyond the user's last one: the API has no word for it
