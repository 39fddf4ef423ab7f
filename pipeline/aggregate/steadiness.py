"""What changes slowly in a face, steadied over neighbouring samples: the median of up to five, each linked to the next by overlap.

A median passes over single slips and keeps steps, so that a cut to another face at the same place does not mix the two. Emotions do change:
they are the mean of a sample and its two neighbours only, which takes the edge off a network that is surer than it should be.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from pipeline.detect.boxes import corners_of, iou
from pipeline.detect.types import Faces, FaceTraits
from pipeline.media.types import F32, I64, Timestamp

REACH = 2
"""Samples before and after that count."""
OVERLAP = 0.4
"""Least intersection over union of one face in neighbouring samples."""


class Steady(NamedTuple):
    """What is told of one face in one sample: age in years, the others shares of belief, 0 to 1; NaN where not known.

    Attributes:
        emotions: (7,) in the order of `detect.traits.EMOTIONS`.
    """

    age: float
    male: float
    eyeglasses: float
    sunglasses: float
    emotions: F32


@dataclass(frozen=True, slots=True)
class Sample:
    """The faces of one sampled frame.

    Attributes:
        before: (N,) int64, row of the same face in the sample before; -1: none.
    """

    timestamp: Timestamp
    faces: Faces
    traits: FaceTraits
    before: I64


@dataclass(slots=True)
class Window:
    """The last samples, as far as medians reach."""

    samples: list[Sample] = field(default_factory=list)
    due: int = 0

    def add(self, timestamp: Timestamp, faces: Faces, traits: FaceTraits) -> int | None:
        """Takes the next sample; which of `samples` is complete now."""
        before = linked(self.samples[-1].faces, faces) if self.samples else np.full(len(faces.scores), -1)
        self.samples.append(Sample(timestamp, faces, traits, before))
        if len(self.samples) > 2 * REACH + 1:
            del self.samples[0]
            self.due -= 1
        if len(self.samples) - self.due <= REACH:
            return None
        self.due += 1
        return self.due - 1

    def rest(self) -> range:
        """Those of `samples` that have not been complete yet; no more will come."""
        return range(self.due, len(self.samples))

    def steadied(self, place: int) -> list[Steady]:
        """Medians for every face of one of the samples; NaN where the sample itself knows nothing."""
        return [self._median(place, row) for row in range(len(self.samples[place].before))]

    def _median(self, place: int, row: int) -> Steady:
        seen = [(place, row), *self._back(place, row), *self._ahead(place, row)]
        values = np.array([_told(self.samples[where].traits, one) for where, one in seen])
        shown = np.array([self.samples[where].traits.emotions[one] for where, one in seen if abs(where - place) <= 1])
        known = shown[~np.isnan(shown).any(axis=1)]
        if np.isnan(values[0]).any() or not len(known):
            age, male, eyeglasses, sunglasses = values[0].tolist()
            return Steady(age, male, eyeglasses, sunglasses, shown[0])
        age, male, eyeglasses, sunglasses = np.nanmedian(values, axis=0).tolist()
        return Steady(age, male, eyeglasses, sunglasses, known.mean(axis=0))

    def _back(self, place: int, row: int) -> list[tuple[int, int]]:
        chain = []
        for earlier in range(place - 1, max(place - REACH, 0) - 1, -1):
            row = int(self.samples[earlier + 1].before[row])
            if row < 0:
                break
            chain.append((earlier, row))
        return chain

    def _ahead(self, place: int, row: int) -> list[tuple[int, int]]:
        chain = []
        for later in range(place + 1, min(place + REACH, len(self.samples) - 1) + 1):
            followers = np.flatnonzero(self.samples[later].before == row)
            if not len(followers):
                break
            row = int(followers[0])
            chain.append((later, row))
        return chain


def _told(traits: FaceTraits, row: int) -> list[float]:
    """Age and the shares of belief, in the order of `Steady`."""
    columns = traits.ages[:, 0], traits.male, traits.eyeglasses, traits.sunglasses
    return [float(column[row]) for column in columns]


def linked(earlier: Faces, later: Faces) -> I64:
    """(N,) for each later face the row of the earlier one that it overlaps most, -1: none; each row once."""
    overlap = iou(corners_of(later.boxes), corners_of(earlier.boxes))
    found = np.full(len(later.scores), -1, np.int64)
    while overlap.size and overlap.max() >= OVERLAP:
        mine, theirs = np.unravel_index(overlap.argmax(), overlap.shape)
        found[mine] = theirs
        overlap[mine], overlap[:, theirs] = 0, 0
    return found
