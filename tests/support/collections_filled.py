"""Collections with faces and users that nobody has a photo of."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zstandard

from pipeline.media.types import F32
from pipeline.services import Services
from pipeline.store import collections, faces, user_vectors, users
from pipeline.store.collections import Collection
from pipeline.store.engine import reading, writing
from pipeline.store.faces import DIMENSIONS, Face, Image, NewFace
from pipeline.store.metadata import utcnow
from tests.support.jobs_installation import ACCOUNT


def random_vectors(count: int, seed: int = 0) -> F32:
    """(count, D) float32 of length 1."""
    drawn = np.random.default_rng(seed).standard_normal((count, DIMENSIONS)).astype("<f4")
    unit: F32 = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return unit


def filled(
    services: Services,
    name: str = "people",
    count: int = 7,
    user_ids: Sequence[str] = (),
    version: str | None = None,
    account: str = ACCOUNT,
) -> Collection:
    """A collection with one face of each of `count` images, of which the first ones are those of the users, two each."""
    vectors = random_vectors(count)
    images = [(image(n), [new_face(vector, n)]) for n, vector in enumerate(vectors)]
    with writing(services.engine) as connection:
        tags = {"côté": "a b", "team": ""}
        collections.create(connection, account, name, "us-east-1", utcnow(), tags, version=version)
        kept = faces.add_many(connection, account, name, images)
        for number, user_id in enumerate(user_ids):
            users.create(connection, collections.get(connection, account, name, lock=True), user_id, utcnow())
            collection = collections.get(connection, account, name, lock=True)
            own = [row[0].position for row in kept[2 * number : 2 * number + 2]]
            users.assign(connection, collection, users.get(connection, collection, user_id), own)
        return collections.get(connection, account, name)


def image(number: int) -> Image:
    """One image, with or without an ExternalImageId."""
    return Image(hashlib.sha256(str(number).encode()).hexdigest(), f"photo:{number}" if number % 3 else None)


def new_face(vector: F32, number: int) -> NewFace:
    """A face with numbers that only their full digits tell apart."""
    box = {"Left": 0.1 / (number + 1), "Top": 1 / 3, "Width": 0.1, "Height": 0.2 + number * 1e-16}
    return NewFace(box, 99.0 + 1 / (number + 3), vector.tobytes())


def content(services: Services, name: str = "people", account: str = ACCOUNT) -> list[tuple[Face, bytes]]:
    """The faces of a collection with their vectors."""
    with reading(services.engine) as connection:
        return list(faces.embedded(connection, collections.get(connection, account, name)))


def people(
    services: Services, name: str = "people", account: str = ACCOUNT
) -> list[tuple[str, int, str, bytes | None]]:
    """Id, faces, status and vector of the users of a collection."""
    with reading(services.engine) as connection:
        collection = collections.get(connection, account, name)
        known = users.listed(connection, collection, 0, 1000)
        vectors = {user.id: user_vectors.vector_of(connection, collection, user.id) for user in known}
    return [
        (user.id, user.faces, user.status, None if (found := vectors[user.id]) is None else found.vector)
        for user in known
    ]


def archive_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of an exported file."""
    with path.open("rb") as raw:
        return [
            json.loads(line)
            for line in zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True).read().splitlines()
        ]
