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
from pipeline.faces.indices import face_index
from pipeline.media.types import F32
from pipeline.services import Services
from pipeline.store import faces, user_vectors
from pipeline.store.collections import Collection
from pipeline.store.engine import reading, snapshot
from pipeline.store.faces import Face
from pipeline.store.user_vectors import UserVector

STRANGERS = 0.104
"""Mean cosine of the faces of two strangers. Source: `pipeline.aggregate.similarity`."""
SPARE = 100
"""Users looked at beyond the wanted ones at first: what is taken off can change their order."""
MOST_NEW = 10_000
"""Users that change while one search lasts."""

Near = Sequence[tuple[float, Face]]
"""Cosines and vectors of users."""


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

    def near(most: int) -> tuple[Near, Near]:
        found = _found(services, vectors, probe, least, most)
        return found, _newer(services, vectors, probe)

    try:
        return best(near, probe.length, least, limit)
    except RequestError as error:  # what it is about has a name that nobody knows
        raise RequestError(error.code, error.message.replace(vectors.name, collection.name)) from None


def best(near: Callable[[int], tuple[Near, Near]], length: float, least: float, limit: int) -> list[tuple[float, str]]:
    """See `search`.

    Args:
        near: The vectors with the greatest cosines, so many at most, and those that count instead of others of the same user.
        length: Of the probe.
        least: Least likeness.
        limit: Users, at most.
    """
    wanted = limit + SPARE
    while True:
        found, newer = near(wanted)
        alike = {face.user_id or "": (cosine, face) for cosine, face in [*found, *newer]}
        likenesses = (
            (likeness(cosine, length * face.confidence / 100), name) for name, (cosine, face) in alike.items()
        )
        ranked = sorted(likenesses, key=lambda one: (-one[0], one[1]))
        fit = [one for one in ranked[:limit] if one[0] >= least]
        # Nothing is ever added to a cosine, so nobody beyond the last one seen is more like than that one's cosine.
        if len(found) < wanted or (len(fit) == limit and fit[-1][0] > found[-1][0]):
            return fit
        wanted *= 4


def _found(services: Services, vectors: Collection, probe: Probe, least: float, most: int) -> Near:
    return face_index(services, vectors).search(probe.vector[None], least, most)[0]


def _newer(services: Services, vectors: Collection, probe: Probe) -> Near:
    """Vectors kept since the search began: while one is replaced by another, files may have neither for a moment."""
    with snapshot(services.engine) as connection:
        fresh = faces.listed(connection, vectors, vectors.next_position - 1, MOST_NEW)
        kept = user_vectors.embeddings(connection, vectors, [face.position for face in fresh])
    query = probe.vector.astype(np.float64)
    return [(float(np.frombuffer(kept[face.position], "<f4").astype(np.float64) @ query), face) for face in fresh]
