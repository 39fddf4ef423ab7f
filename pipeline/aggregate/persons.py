"""People over time: GetPersonTracking's items.

Everything is decided when the whole video is known: tracklets are linked as samples come, joined within each shot at its end, over all
shots at the end of the video, and numbered by first appearance. Somebody hidden for up to a second is reported where the motion before
and after puts them.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.aggregate.boxes import bounding_box, percent
from pipeline.aggregate.camera import Camera
from pipeline.aggregate.faces import face_detail
from pipeline.aggregate.heads import heads
from pipeline.aggregate.kept_faces import KeptFaces
from pipeline.aggregate.motion import F64, boxes_of, states
from pipeline.aggregate.reunion import reunited
from pipeline.aggregate.stitching import stitched
from pipeline.aggregate.tracklets import SURE, Linker, Sample, Tracklet
from pipeline.aggregate.types import Record
from pipeline.detect.objects import PERSON
from pipeline.detect.types import Appearances, Detections, Embeddings, Faces
from pipeline.media.types import F32, Timestamp

BRIDGED_MS = 1000
"""Longest gap that is filled with interpolated boxes."""
CERTAIN = 0.9
"""Least chance that at least one of somebody's detections is right; an even chance for each is enough in shots of so few samples."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The stages that are read.

    Attributes:
        objects: Finds people.
        looks: Says how they look.
        faces: Finds faces.
        embeddings: Embeds them, in some of the samples.
    """

    objects: str
    looks: str
    faces: str
    embeddings: str


@dataclass(frozen=True, slots=True)
class Seen:
    """Somebody in one frame.

    Attributes:
        sample: Number of the sample.
        box: (4,) left, top, width, height as ratios.
        score: 0 to 1.
        row: Row among the people found in the frame; -1: interpolated.
    """

    sample: int
    box: F32
    score: float
    row: int


class PersonTimeline:
    """One item per person and sample in which they are seen, or hidden for a moment."""

    def __init__(self, keys: Keys, aspect: float) -> None:
        """`aspect` is the width of the picture, as seen, over its height."""
        self._keys, self._aspect = keys, aspect
        self._linker, self._camera = Linker(aspect), Camera(aspect)
        self._times: list[int] = []
        self._shots: list[list[list[Tracklet]]] = []
        self._cuts: list[int] = []
        self._faces, self._face_of = KeptFaces(), dict[tuple[int, int], int]()
        self._vectors: dict[tuple[int, int], F64] = {}

    def add(self, index: int, timestamp: Timestamp, found: Mapping[str, Any]) -> Iterator[Record]:
        """Nothing: who somebody is shows later."""
        objects: Detections | None = found.get(self._keys.objects)
        looks: Appearances | None = found.get(self._keys.looks)
        if objects is not None and looks is not None:
            people = self._look(timestamp, objects, looks)
            self._face(people, found.get(self._keys.faces), found.get(self._keys.embeddings))
        del index
        return iter(())

    def _look(self, timestamp: Timestamp, objects: Detections, looks: Appearances) -> F32:
        """Links the people of the next sample; their boxes."""
        if self._camera.add(looks.scene):
            self._shots.append(stitched(self._linker.cut(), self._aspect))
            self._cuts.append(len(self._times))
        number = len(self._times)
        self._times.append(timestamp.millis)
        rows = np.flatnonzero(objects.classes == PERSON)
        boxes, scores = objects.boxes[rows], objects.scores[rows].astype(np.float64)
        places = states(boxes, self._aspect)
        self._linker.add(
            Sample(number, float(timestamp.seconds), places, scores, looks.vectors[rows], self._camera.drift)
        )
        return boxes

    def _face(self, people: F32, faces: Faces | None, embeddings: Embeddings | None) -> None:
        if faces is None:
            return
        found = heads(faces, people)
        numbers = self._faces.add(faces) if found else range(0)
        for face, row in found:
            key = (len(self._times) - 1, row)
            self._face_of[key] = numbers[face]
            if embeddings is not None and embeddings.quality[face] > 0:
                self._vectors[key] = embeddings.vectors[face].astype(np.float64) * embeddings.quality[face]

    def finish(self, end: Timestamp) -> Iterator[Record]:
        """All items, by person."""
        del end
        self._shots.append(stitched(self._linker.cut(), self._aspect))
        people = [person for person in reunited(self._shots, self._vectors) if self._is_certain(person)]
        self._shots.clear()
        self._vectors.clear()
        # One path at a time: those of hours are large.
        for number, person in enumerate(sorted(people, key=lambda person: (person[0].samples[0], person[0].rows[0]))):
            yield from (self._record(number, seen) for seen in self._path(person))

    def summary(self) -> Mapping[str, Any]:
        """Nothing beside the items."""
        return {}

    def _is_certain(self, person: Sequence[Tracklet]) -> bool:
        """Whether somebody was there; the fewer samples their first shot has, the less it takes."""
        scores = np.concatenate([track.scores for track in person])
        wrong = np.prod(1 - scores[scores >= SURE])
        return bool(1 - wrong >= min(CERTAIN, 1 - 0.5 ** self._samples_beside(int(person[0].samples[0]))))

    def _path(self, person: Sequence[Tracklet]) -> Iterator[Seen]:
        samples, places, scores, found = (
            np.concatenate([getattr(track, name) for track in person])
            for name in ("samples", "places", "scores", "rows")
        )
        rows = dict(zip(samples.tolist(), found.tolist(), strict=True))
        wanted = self._with_gaps(samples)
        boxes = np.clip(boxes_of(_interpolated(wanted, samples, places), self._aspect), 0, 1)
        likely = np.interp(wanted, samples, scores)
        for number, box, score in zip(wanted, boxes, likely, strict=True):
            yield Seen(number, box, float(score), rows.get(number, -1))

    def _samples_beside(self, sample: int) -> int:
        """How many samples the shot of this one has."""
        limits = [0, *self._cuts, len(self._times)]
        place = bisect_right(limits, sample)
        return limits[place] - limits[place - 1]

    def _with_gaps(self, samples: F64) -> list[int]:
        """The samples, and those in short gaps between them."""
        wanted = [int(samples[0])]
        for number in samples[1:].tolist():
            before = wanted[-1]
            unbroken = bisect_right(self._cuts, before) == bisect_right(self._cuts, number)
            if unbroken and self._times[number] - self._times[before] <= BRIDGED_MS:
                wanted += range(before + 1, number)
            wanted.append(number)
        return wanted

    def _record(self, number: int, seen: Seen) -> Record:
        time = self._times[seen.sample]
        person: dict[str, Any] = {"Index": number, "BoundingBox": bounding_box(seen.box)}
        if (face := self._face_of.get((seen.sample, seen.row))) is not None:
            person["Face"] = face_detail(self._faces.at(face), 0)
        return Record({"Timestamp": time, "Person": person}, time, confidence=percent(seen.score), index=number)


def _interpolated(wanted: Sequence[int], samples: F64, places: F64) -> F64:
    """(W, 4) places at the wanted samples."""
    return np.stack([np.interp(wanted, samples, column) for column in places.T], axis=1)
