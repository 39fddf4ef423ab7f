"""Synthetic faces for `bench_faces.py`: random people, and some who are there many times."""

import hashlib

import numpy as np
from sqlalchemy import Engine

from pipeline.faces.matrix import DIMENSIONS
from pipeline.media.types import F32
from pipeline.store import faces
from pipeline.store.engine import writing
from pipeline.store.faces import Image, NewFace

PEOPLE, PHOTOS = 1000, 20
BATCH = 5000
BOX = {"Left": 0.25, "Top": 0.125, "Width": 0.5, "Height": 0.75}


class Crowd:
    """So many faces; the same ones for the same number."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._people = unit(np.random.default_rng(7).standard_normal((PEOPLE, DIMENSIONS), np.float32))
        self._asked = np.random.default_rng(11)

    def keep(self, engine: Engine, account: str, name: str) -> None:
        """All faces into a collection, one image each."""
        for start in range(0, self.count, BATCH):
            images = [(_image(start + n), [_face(vector)]) for n, vector in enumerate(self._part(start))]
            with writing(engine) as connection:
                faces.add_many(connection, account, name, images)

    def keep_one(self, engine: Engine, account: str, name: str, number: int) -> None:
        """One more face, as IndexFaces keeps it."""
        with writing(engine) as connection:
            faces.add(connection, account, name, _image(number), [_face(self.one(number)[0])])

    def one(self, number: int) -> F32:
        """(1, DIMENSIONS) of a face beyond the first ones."""
        return unit(np.random.default_rng(number).standard_normal((1, DIMENSIONS), np.float32))

    def queries(self, count: int) -> F32:
        """(count, DIMENSIONS) new photos of people who are there."""
        noise = unit(self._asked.standard_normal((count, DIMENSIONS), np.float32))
        return unit(self._people[self._asked.integers(0, PEOPLE, count)] + noise)

    def all(self) -> F32:
        """(count, DIMENSIONS), in the order of arrival."""
        return np.concatenate([self._part(start) for start in range(0, self.count, BATCH)])

    def _part(self, start: int) -> F32:
        random = np.random.default_rng([3, start])
        size = min(BATCH, self.count - start)
        vectors = unit(random.standard_normal((size, DIMENSIONS), np.float32))
        known = np.arange(start, start + size) % max(1, self.count // (PEOPLE * PHOTOS)) == 0
        vectors[known] = unit(self._people[random.integers(0, PEOPLE, known.sum())] + vectors[known])
        return vectors


def unit(vectors: F32) -> F32:
    """The rows at length 1."""
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _image(number: int) -> Image:
    return Image(hashlib.sha256(f"{number}".encode()).hexdigest(), f"photo-{number}")


def _face(vector: F32) -> NewFace:
    return NewFace(BOX, 99.0, vector.tobytes())
