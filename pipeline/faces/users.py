"""How like a face, or a user, the users of a collection are.

The vector of a user is the direction of the mean of its faces' embeddings. What its faces do not share cancels out in the mean, and the
length that is lost with it is given back, so the cosine with another face of the same person is greater than that of two faces, which is
what users are for. But the little that all faces share is given back too, and strangers come nearer by as much: that is taken off again,
so that a similarity means the same for users as for faces.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.errors import RequestError
from pipeline.faces.index import CollectionGoneError
from pipeline.faces.indices import face_index
from pipeline.media.types import F32
from pipeline.services import Services
from pipeline.store import user_vectors
from pipeline.store.collections import Collection
from pipeline.store.engine import reading
from pipeline.store.faces import Face
from pipeline.store.user_vectors import UserVector

STRANGERS = 0.104
"""Mean cosine of the faces of two strangers. Source: `pipeline.aggregate.similarity`."""
SPARE = 100
"""Users looked at beyond the wanted ones at first: what is taken off can change their order."""

Search = Callable[[int], Sequence[tuple[float, Face]]]


@dataclass(frozen=True, slots=True)
class Probe:
    """What is searched for.

    Attributes:
        vector: (D,) float32, of length 1.
        length: 1 for a face; that of a user's `UserVector`.
    """

    vector: F32
    length: float = 1.0


def probe_of(user: UserVector) -> Probe:
    """A user as what is searched for."""
    return Probe(np.frombuffer(user.vector, "<f4"), user.length)


def likeness(cosine: float, length: float) -> float:
    """The cosine of two faces that are as like as these two, one or both of them users, whose lengths have this product."""
    return cosine - STRANGERS * (1 / length - 1)


def compared(one: Probe, other: Probe) -> float:
    """How like two are, as a cosine."""
    cosine = float(one.vector.astype(np.float64) @ other.vector.astype(np.float64))
    return likeness(cosine, one.length * other.length)


def search(
    services: Services, collection: Collection, probe: Probe, least: float, limit: int
) -> list[tuple[float, str]]:
    """Likeness, at least `least`, and id of the users most like the probe, best first, ties by id; `limit` at most.

    Raises:
        RequestError: the collection was deleted meanwhile, or its faces cannot be compared with embeddings made here.
    """
    with reading(services.engine) as connection:
        vectors = user_vectors.gallery(connection, collection)
    if vectors is None:
        return []
    index = face_index(services, vectors)
    try:
        return best(lambda most: index.search(probe.vector[None], least, most)[0], probe.length, least, limit)
    except CollectionGoneError:
        raise RequestError(
            "ResourceNotFoundException", f"The collection id: {collection.name} does not exist: it was just deleted."
        ) from None


def best(found: Search, length: float, least: float, limit: int) -> list[tuple[float, str]]:
    """See `search`; `found`: the so many vectors of users with the greatest cosines."""
    wanted = limit + SPARE
    while True:
        near = found(wanted)
        ranked = sorted((_ranked(cosine, face, length) for cosine, face in near), key=lambda one: (-one[0], one[1]))
        fit = [one for one in ranked[:limit] if one[0] >= least]
        # Nothing is ever added to a cosine, so nobody beyond the last one seen is more like than that one's cosine.
        if len(near) < wanted or (len(fit) == limit and fit[-1][0] > near[-1][0]):
            return fit
        wanted *= 4


def _ranked(cosine: float, face: Face, length: float) -> tuple[float, str]:
    return likeness(cosine, length * face.confidence / 100), face.user_id or ""
