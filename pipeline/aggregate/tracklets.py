"""Tracklets: boxes of consecutive samples that are surely the same person's, linked as the samples come.

Sure detections are assigned first, to all open tracklets; unsure ones, mostly people partly hidden, only extend what was just seen.
Each pair is worth the logarithm of how much likelier it is that the box is the tracklet's next than that it is somebody else's:
of place and size after the motion model, and of the colours. The best sum over all pairs is taken. Everything ends at a cut.

Source: Zhang et al., "ByteTrack", ECCV 2022, for the two rounds and their thresholds; likelihood ratios and gates as in Blackman, "Multiple
Hypothesis Tracking for Multiple Target Tracking", 2004.
"""

from array import array
from collections import deque
from dataclasses import dataclass
from math import log, pi

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from pipeline.aggregate.likeness import likeness
from pipeline.aggregate.motion import F64, HALF_SEEN, SEEN, Filters, tail
from pipeline.media.types import I64, U8

SURE = 0.6
"""Least score of detections that are assigned first, and may begin a tracklet."""
UNSURE = 0.3
"""Least score of detections that extend one."""
OPEN_S = 1.0
"""For how long a tracklet is looked for."""
JUST_S = 0.55
"""For how long unsure detections may extend it: the longest step between samples, and a frame."""
FEW = 6
"""Detections whose colours describe an end of a tracklet."""
GATE = 16.0
"""Greatest squared Mahalanobis distance: 99.7 percent of four coordinates."""
HALF_GATE = 9.5
"""The same of unsure detections: 95 percent."""


STRANGERS = 1.0
"""Detections per frame that are nobody's who was seen before."""
SIZES = 4.0
"""Volume of the logarithms of widths and heights that people's boxes have: either varies by a factor of about 7."""


@dataclass(frozen=True, slots=True)
class Tracklet:
    """What was seen of somebody without a doubt who it is, in order of time.

    Attributes:
        samples: (N,) int64 numbers of the samples.
        times: (N,) seconds.
        places: (N, 4) `motion.states` of the boxes.
        scores: (N,) 0 to 1.
        rows: (N,) int64 rows among the sample's detections.
        drifts: (N, 2) `Sample.drift` when each was seen.
        looks: (2, D) mean colours of the first few and of the last few sure detections.
    """

    samples: I64
    times: F64
    places: F64
    scores: F64
    rows: I64
    drifts: F64
    looks: F64


@dataclass(frozen=True, slots=True)
class Sample:
    """The people found in one frame.

    Attributes:
        number: From 0, counted over the frames that were looked at.
        seconds: When.
        places: (N, 4) `motion.states`.
        scores: (N,).
        looks: (N, D) uint8 colours.
        drift: (2,) how far the picture's content was moved by the camera since the last cut, in heights of the picture.
    """

    number: int
    seconds: float
    places: F64
    scores: F64
    looks: U8
    drift: F64


class Trail:
    """What was seen of one person so far, from a sure detection on: plain numbers, since somebody may stay for hours."""

    def __init__(self, sample: Sample, row: int) -> None:
        self._numbers, self._values = array("q"), array("d")
        self._first: list[U8] = []
        self._last: deque[U8] = deque(maxlen=FEW)
        self.add(sample, row)

    def add(self, sample: Sample, row: int) -> None:
        """Takes the next detection."""
        self._numbers.extend((sample.number, row))
        place, drift, score = sample.places[row].tolist(), sample.drift.tolist(), float(sample.scores[row])
        self._values.extend((sample.seconds, *place, score, *drift))
        self.last_s = sample.seconds
        if score >= SURE:
            look = sample.looks[row].copy()
            self._last.append(look)
            if len(self._first) < FEW:
                self._first.append(look)

    def tracklet(self) -> Tracklet:
        """All of it."""
        numbers, values = np.array(self._numbers).reshape(-1, 2), np.array(self._values).reshape(-1, 8)
        parts = np.split(values, (1, 5, 6), axis=1)
        times, places, scores, drifts = (np.ascontiguousarray(part) for part in parts)
        return Tracklet(
            samples=numbers[:, 0].copy(),
            times=times[:, 0],
            places=places,
            scores=scores[:, 0],
            rows=numbers[:, 1].copy(),
            drifts=drifts,
            looks=np.stack([np.mean(looks, axis=0) for looks in (self._first, self._last)]),
        )


class Linker:
    """Feeds samples, in order, to the open tracklets."""

    def __init__(self, room: float) -> None:
        """`room` is the width of the picture in its heights."""
        self._elsewhere = log(STRANGERS / (room * SIZES))
        self._filters = Filters()
        self._open: list[Trail] = []
        self._mean: F64 = np.zeros((0, 0))
        self._last: tuple[float, F64] | None = None
        self._done: list[Tracklet] = []

    def cut(self) -> list[Tracklet]:
        """Ends all tracklets, and begins anew; the tracklets since the last cut."""
        self._close(np.zeros(len(self._open), bool))
        done, self._done, self._last = self._done, [], None
        return done

    def add(self, sample: Sample) -> None:
        """Links the sample's detections."""
        self._advance(sample)
        sure = np.flatnonzero(sample.scores >= SURE)
        tracks = np.arange(len(self._open))
        taken = self._link(sample, tracks, sure, SEEN, GATE)
        ages = np.array([sample.seconds - trail.last_s for trail in self._open])
        left = np.flatnonzero((ages <= JUST_S) & (ages > 0)) if len(ages) else tracks
        unsure = np.flatnonzero((sample.scores >= UNSURE) & (sample.scores < SURE))
        self._link(sample, left, unsure, HALF_SEEN, HALF_GATE)
        self._begin(sample, np.setdiff1d(sure, taken))
        self._close(np.array([sample.seconds - trail.last_s <= OPEN_S for trail in self._open], bool))

    def _advance(self, sample: Sample) -> None:
        if self._last is not None:
            x, y = sample.drift - self._last[1]
            self._filters.advance(sample.seconds - self._last[0], (float(x), float(y)))
        self._last = sample.seconds, sample.drift

    def _link(self, sample: Sample, tracks: I64, found: I64, noise: F64, gate: float) -> I64:
        """Extends some of the tracklets `tracks` by some of the detections `found`; returns the latter."""
        squares, volumes = self._filters.distances(sample.places[found], noise)
        alike = likeness(self._mean[tracks], sample.looks[found]) if len(tracks) and len(found) else 0.0
        worth = alike + tail(squares[tracks], 4) - volumes[tracks] - 2 * log(2 * pi) - self._elsewhere
        pairs = best_pairs(np.where(squares[tracks] > gate, -np.inf, worth))
        rows, columns = tracks[pairs[:, 0]], found[pairs[:, 1]]
        if len(rows):
            self._filters.correct(rows, sample.places[columns], noise)
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            self._open[row].add(sample, column)
            if noise is SEEN:
                self._mean[row] = 0.9 * self._mean[row] + 0.1 * sample.looks[column]
        return columns

    def _begin(self, sample: Sample, found: I64) -> None:
        if not len(found):
            return
        self._filters.begin(sample.places[found])
        self._mean = np.concatenate([self._mean.reshape(-1, sample.looks.shape[1]), sample.looks[found]])
        self._open += [Trail(sample, row) for row in found.tolist()]

    def _close(self, keep: NDArray[np.bool_]) -> None:
        if keep.all():
            return
        self._done += [trail.tracklet() for trail, kept in zip(self._open, keep, strict=True) if not kept]
        self._open = [trail for trail, kept in zip(self._open, keep, strict=True) if kept]
        self._filters.keep(keep)
        self._mean = self._mean[keep]


def best_pairs(worth: F64) -> I64:
    """(K, 2) rows and columns of the assignment of the most worth; only pairs worth more than 0."""
    if not worth.size:
        return np.zeros((0, 2), np.int64)
    rows, columns = linear_sum_assignment(-np.where(worth > 0, worth, 0.0))
    pairs: I64 = np.stack([rows, columns], axis=1)[worth[rows, columns] > 0]
    return pairs
