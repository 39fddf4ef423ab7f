"""SearchUsers: the users of a collection that are like one of its faces, or one of its users."""

from typing import Any

import numpy as np
from sqlalchemy import Connection

from pipeline.errors import RequestError
from pipeline.faces.indices import check_version
from pipeline.faces.users import Probe, probe_of
from pipeline.images.call import Call
from pipeline.images.user_matches import user_matches
from pipeline.store import collections, faces, user_vectors, users
from pipeline.store.collections import Collection
from pipeline.store.engine import reading


def answer(call: Call) -> dict[str, Any]:
    """UserMatches, most similar first, and what was searched for; a user that was searched for is not among them.

    Raises:
        RequestError: the request has not exactly one of FaceId and UserId, or the collection, face or user does not exist, or the
            collection cannot be searched.
    """
    given = [name for name in _PROBES if name in call.request]
    if len(given) != 1:
        raise _invalid(
            f"exactly one of FaceId and UserId is searched for, {'both were' if given else 'none was'} given."
        )
    (name,) = given
    wanted = call.request[name]
    with reading(call.services.engine) as connection:
        collection = collections.get(connection, call.account, call.request["CollectionId"])
        check_version(collection)
        probe = _PROBES[name](connection, collection, wanted)
    without = wanted if name == "UserId" else None
    return {
        "UserMatches": [] if probe is None else user_matches(call, collection, probe, without),
        "FaceModelVersion": collection.face_model_version,
        f"Searched{name.removesuffix('Id')}": {name: wanted},
    }


def _user(connection: Connection, collection: Collection, user_id: str) -> Probe | None:
    """None: the user has no faces, so nobody is like it."""
    users.get(connection, collection, user_id)
    own = user_vectors.vector_of(connection, collection, user_id)
    return None if own is None else probe_of(own)


def _face(connection: Connection, collection: Collection, face_id: str) -> Probe:
    found = faces.by_id(connection, collection, [face_id]).get(face_id)
    vectors = {} if found is None else user_vectors.embeddings(connection, collection, [found.position])
    if found is None or found.position not in vectors:
        raise _invalid(f"FaceId: {face_id}: faceId was not found in the collection {collection.name}.")
    return Probe(np.frombuffer(vectors[found.position], "<f4"))


_PROBES = {"FaceId": _face, "UserId": _user}


def _invalid(reason: str) -> RequestError:
    return RequestError("InvalidParameterException", f"Request has invalid parameters: {reason}")
