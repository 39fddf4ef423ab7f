"""Faces to be kept in collections, without pictures, and the plainest search among them."""

import hashlib
from collections.abc import Sequence

import numpy as np
from sqlalchemy import Engine

from pipeline.media.types import F32
from pipeline.store import collections, faces
from pipeline.store.engine import reading, writing
from pipeline.store.faces import DIMENSIONS, Face, Image, NewFace
from pipeline.store.metadata import utcnow
from tests.support.jobs_installation import ACCOUNT

BOX = {"Left": 0.25, "Top": 0.125, "Width": 0.5, "Height": 0.75}


def people(seed: int, count: int, clusters: int = 5) -> F32:
    """(count, DIMENSIONS) embeddings of a few people: cosines of about 0.6 within one, of about 0 between two."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((clusters, DIMENSIONS))
    vectors = centres[random.integers(0, clusters, count)] + 0.8 * random.standard_normal((count, DIMENSIONS))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def create(engine: Engine, name: str = "people", account: str = ACCOUNT) -> collections.Collection:
    """A new collection."""
    with writing(engine) as connection:
        return collections.create(connection, account, name, "us-east-1", utcnow())


def keep(engine: Engine, vectors: F32, name: str = "people", account: str = ACCOUNT) -> list[Face]:
    """The faces of one new image each, kept in one transaction."""
    with writing(engine) as connection:
        return [
            faces.add(connection, account, name, image_of(vector), [NewFace(BOX, 99.0, vector.tobytes())])[0]
            for vector in vectors
        ]


def image_of(vector: F32) -> Image:
    """A picture that shows just this face."""
    return Image(hashlib.sha256(vector.tobytes()).hexdigest())


def discard(engine: Engine, gone: Sequence[Face], name: str = "people") -> None:
    """Removes faces."""
    with writing(engine) as connection:
        faces.remove(connection, collections.get(connection, ACCOUNT, name, lock=True), gone)


def compared(
    engine: Engine, queries: F32, least: float, limit: int, name: str = "people"
) -> list[list[tuple[float, str]]]:
    """Cosine and id of the nearest faces, by looking at every one that the database has."""
    with reading(engine) as connection:
        collection = collections.get(connection, ACCOUNT, name)
        kept = list(faces.vectors(connection, collection, 0, collection.next_position))
    found = []
    for query in queries.astype(np.float64):
        pairs = [(float((np.frombuffer(one[2], "<f4").astype(np.float64) * query).sum()), one[1]) for one in kept]
        pairs = [(min(1.0, max(-1.0, cosine)), face) for cosine, face in pairs]
        found.append(sorted((p for p in pairs if p[0] >= least), key=lambda p: (-p[0], p[1]))[:limit])
    return found
