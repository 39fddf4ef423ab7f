"""The users of a collection that are like a face or a user, in the terms of requests."""

from typing import Any

from pipeline.aggregate.similarity import DEFAULT, least_cosine, similarity
from pipeline.faces.users import Probe, search
from pipeline.images.call import Call
from pipeline.store import users
from pipeline.store.collections import Collection
from pipeline.store.engine import reading

MOST_MATCHES = 500
"""As many as an answer may have; Amazon documents no default of MaxUsers."""


def user_matches(call: Call, collection: Collection, probe: Probe, without: str | None = None) -> list[dict[str, Any]]:
    """UserMatches of a request with MaxUsers and UserMatchThreshold, most similar first, ties by UserId.

    Args:
        call: The request.
        collection: Whose users.
        probe: What they are to be like.
        without: UserId of the user that is searched for: it is no match of its own.

    Raises:
        RequestError: the collection was deleted meanwhile, or has faces of another model.
    """
    most = call.request.get("MaxUsers", MOST_MATCHES)
    least = least_cosine(call.request.get("UserMatchThreshold", DEFAULT))
    found = search(call.services, collection, probe, least, most + (without is not None))
    with reading(call.services.engine) as connection:
        known = users.by_id(connection, collection, (user_id for _, user_id in found))
    matches = [(cosine, known[user_id]) for cosine, user_id in found if user_id in known and user_id != without]
    return [{"Similarity": similarity(cosine), "User": user.wire} for cosine, user in matches[:most]]
