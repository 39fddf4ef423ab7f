"""The faces of a video together with who they are."""

from array import array
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from pipeline.aggregate.face_tracks import FaceTracker, People
from pipeline.aggregate.kept_faces import KeptFaces
from pipeline.aggregate.types import Gallery, Match
from pipeline.detect.types import Embeddings, Faces
from pipeline.media.types import Timestamp


class Sighting(NamedTuple):
    """A face in a sample.

    Attributes:
        millis: When, in milliseconds.
        face: The face, alone.
        person: Index of the person.
    """

    millis: int
    face: Faces
    person: int


class Sightings:
    """Collects the faces of a video and tells who they are when it is over.

    Args:
        faces: Key of the stage that finds faces.
        embeddings: Key of the stage that embeds them.
        aspect: Width over height of the displayed frame.
    """

    def __init__(self, faces: str, embeddings: str, aspect: float) -> None:
        self._keys = (faces, embeddings)
        self._tracker = FaceTracker(aspect)
        self._millis = array("q")
        self._faces = KeptFaces()

    def add(self, timestamp: Timestamp, found: Mapping[str, Any]) -> None:
        """What was found in the next frame; frames without faces leave nothing."""
        faces: Faces | None
        embeddings: Embeddings | None
        faces, embeddings = (found.get(key) for key in self._keys)
        if faces is None or embeddings is None or not len(faces.scores):
            return
        self._tracker.add(timestamp.millis, faces, embeddings)
        self._millis.append(timestamp.millis)
        self._faces.add(faces)

    def people(self) -> People:
        """Everybody seen so far."""
        return self._tracker.people()

    def of(self, people: People) -> Iterator[Sighting]:
        """The faces in the order of time and, within a sample, of size."""
        number = count()
        for millis, persons in zip(self._millis, people.of_rows, strict=True):
            for person in persons.tolist():
                yield Sighting(millis, self._faces.at(next(number)), person)


def recognised(people: People, gallery: Gallery, least: float, limit: int) -> dict[int, list[Match]]:
    """Index of a person -> their matches in the gallery, best first; those without any are absent.

    Args:
        people: Everybody in a video; each is searched once, by the mean embedding of all their faces.
        gallery: Known faces.
        least: Least cosine of a match.
        limit: Matches per person, at most.
    """
    known = np.flatnonzero(people.vectors.any(axis=1))
    if not len(known):
        return {}
    answers = gallery.search(people.vectors[known], least, limit)
    return {int(person): list(matches) for person, matches in zip(known, answers, strict=True) if matches}
