"""Who is who: the faces of a whole video, told apart and numbered by first appearance.

Faces of successive samples are linked into tracklets where they look alike and lie near one another, or look so much alike that the place
does not matter; where one face has stayed in its place there was no cut, and others that lie where one lay before are linked by that alone.
Tracklets are then joined into people by their mean embeddings, over cuts and gaps of any length, the surest first, but
never two that are seen at the same time. Only tracklets are compared, so that hours of video stay small.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.aggregate.similarity import COSINE_80
from pipeline.detect.boxes import corners_of, iou
from pipeline.detect.types import Embeddings, Faces
from pipeline.media.types import F32, I64

LOST_MS = 1500
"""A tracklet that has not been seen for longer is over."""
NEAR_COSINE = 0.3
"""Least cosine of a face and the tracklet that ended where it lies; strangers reach it once in 30 times."""
NEAR_BONUS = 0.3
NEAR_SHIFT = 1.0
NEAR_SCALE = 1.6
STAYED_OVERLAP = 0.3
"""Least overlap of two successive faces of one shot that are not compared otherwise."""
UNLIKE_COSINE = 0.1
"""Faces below it are two people's, wherever they are: it is the mean of strangers."""

MOST_LEADERS = 20_000
"""People that tracklets are compared with, at most; those after them, the least sure ones, are only compared with these."""

Span = tuple[int, int]


@dataclass(slots=True)
class Tracklet:
    """Faces of one person in successive samples, or several such.

    Attributes:
        spans: Disjoint, ascending (first, last) samples, both included.
        total: (D,) sum of the embeddings, each weighted with its quality.
        weight: Sum of the qualities.
        members: Numbers of the tracklets it was joined from.
    """

    spans: list[Span]
    total: F32
    weight: float
    members: list[int] = field(default_factory=list)

    def meets(self, other: "Tracklet") -> bool:
        """Whether both are seen at the same time."""
        return any(self._covers(span) for span in other.spans)

    def join(self, other: "Tracklet") -> None:
        """Takes the other in."""
        for span in other.spans:
            insort(self.spans, span)
        self.total = self.total + other.total
        self.weight += other.weight
        self.members += other.members

    def _covers(self, span: Span) -> bool:
        place = bisect_left(self.spans, (span[1] + 1,))
        return place > 0 and self.spans[place - 1][1] >= span[0]


@dataclass(slots=True)
class _Open:
    """A tracklet that may go on.

    Attributes:
        number: Of the tracklet.
        box: (4,) corners where it was last seen.
        vector: (D,) its last embedding.
        seen_ms: When.
    """

    number: int
    box: F32
    vector: F32
    seen_ms: int


@dataclass(frozen=True, slots=True)
class People:
    """Everybody in a video.

    Attributes:
        of_rows: Per sample, (N,) index of the person that each face is.
        vectors: (P, D) mean embeddings of the people, rows of length 1; zeros where no face of theirs has one.
    """

    of_rows: Sequence[I64]
    vectors: F32


class FaceTracker:
    """Follows the faces of a video; samples come in the order of time.

    Args:
        aspect: Width over height of the displayed frame.
    """

    def __init__(self, aspect: float) -> None:
        self._size = (aspect, 1.0)
        self._tracklets: list[Tracklet] = []
        self._open: list[_Open] = []
        self._rows: list[I64] = []

    def add(self, millis: int, faces: Faces, embeddings: Embeddings) -> None:
        """The faces of the next sample, at a time in milliseconds; embeddings of quality 0 count only next to where they are."""
        self._open = [each for each in self._open if millis - each.seen_ms <= LOST_MS]
        boxes = corners_of(faces.boxes, (1, 1)) * np.array([*self._size] * 2, np.float32)
        numbers = np.full(len(boxes), -1, np.int64)
        for place, row in self._continued(boxes, embeddings):
            numbers[row] = self._open[place].number
        for row in range(len(boxes)):
            numbers[row] = self._keep(int(numbers[row]), embeddings.vectors[row], float(embeddings.quality[row]))
        again = frozenset(numbers.tolist())
        self._open = [each for each in self._open if each.number not in again] + [
            _Open(*parts, millis) for parts in zip(numbers.tolist(), boxes, embeddings.vectors, strict=True)
        ]
        self._rows.append(numbers)

    def people(self) -> People:
        """Who the faces so far are."""
        groups = joined(self._tracklets)
        groups.sort(key=lambda group: min(group.members))  # tracklets are numbered by first appearance
        person_of = np.zeros(len(self._tracklets), np.int64)
        for person, group in enumerate(groups):
            person_of[group.members] = person
        return People([person_of[numbers] for numbers in self._rows], units([group.total for group in groups]))

    def _keep(self, number: int, vector: F32, quality: float) -> int:
        """The number of the tracklet that the face went into; a new one for -1."""
        now = len(self._rows)
        if number < 0:
            number = len(self._tracklets)
            self._tracklets.append(Tracklet([(now, now)], vector * quality, quality, [number]))
        else:
            tracklet = self._tracklets[number]
            tracklet.spans[0] = (tracklet.spans[0][0], now)
            tracklet.total = tracklet.total + vector * quality
            tracklet.weight += quality
        return number

    def _continued(self, boxes: F32, embeddings: Embeddings) -> list[tuple[int, int]]:
        """Which open tracklets go on with which rows."""
        if not self._open or not len(boxes):
            return []
        places, last = np.stack([each.box for each in self._open]), np.stack([each.vector for each in self._open])
        means = units([self._tracklets[each.number].total for each in self._open])
        trusted = np.where(embeddings.quality[:, None] > 0, embeddings.vectors, 0)
        far, here, close = means @ trusted.T, last @ embeddings.vectors.T, near(places, boxes)
        linked = np.where(close, np.maximum(here, far) + NEAR_BONUS, far)
        alike = np.where(close, np.maximum(here, far) >= NEAR_COSINE, far >= COSINE_80)
        pairs = pairs_of(np.where(alike, linked, 0))
        latest = np.array([each.seen_ms for each in self._open])
        latest = latest == latest.max()
        if any(close[place, row] and latest[place] for place, row in pairs):
            strangers = (far < UNLIKE_COSINE) & means.any(axis=1, keepdims=True) & trusted.any(axis=1)
            overlaps = iou(places, boxes) * ~strangers * latest[:, None]
            for place, row in pairs:
                overlaps[place], overlaps[:, row] = 0, 0
            pairs += pairs_of(np.where(overlaps >= STAYED_OVERLAP, overlaps, 0))
        return pairs


def near(first: F32, second: F32) -> F32:
    """(N, M) whether corner boxes (N, 4) and (M, 4) are of like size, and their middles less than a face apart."""
    sides = [np.maximum(np.sqrt(np.prod(box[:, 2:] - box[:, :2], axis=1)), 1e-6) for box in (first, second)]
    middles = [(box[:, :2] + box[:, 2:]) / 2 for box in (first, second)]
    shift = np.linalg.norm(middles[0][:, None] - middles[1][None], axis=2)
    mean = (sides[0][:, None] + sides[1][None]) / 2
    scale = abs(np.log(sides[0][:, None] / sides[1][None]))
    close: F32 = (shift < NEAR_SHIFT * mean) & (scale < np.log(NEAR_SCALE))
    return close


def joined(tracklets: Sequence[Tracklet]) -> list[Tracklet]:
    """The tracklets joined into people; no two people who are never seen together are left alike."""
    groups = [Tracklet(list(t.spans), t.total, t.weight, list(t.members)) for t in tracklets if t.weight > 0]
    unknown = [t for t in tracklets if not t.weight > 0]
    while len(fewer := _joined_once(groups)) < len(groups):
        groups = fewer
    return fewer + unknown


def units(vectors: Sequence[F32]) -> F32:
    """(N, D) the vectors at length 1; zeros stay."""
    if not vectors:
        return np.zeros((0, 1), np.float32)
    rows = np.stack(vectors)
    lengths: F32 = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def _joined_once(groups: Sequence[Tracklet]) -> list[Tracklet]:
    """Each group, the weightiest first, joined to the likest earlier one that it may be, or kept for the next."""
    kept: list[Tracklet] = []
    means = units([group.total for group in groups])
    leaders = np.zeros((min(len(groups), MOST_LEADERS), means.shape[1]), np.float32)
    for place in sorted(range(len(groups)), key=lambda k: (-groups[k].weight, min(groups[k].members))):
        group = groups[place]
        cosines = leaders[: len(kept)] @ means[place]
        alike = np.flatnonzero(cosines >= COSINE_80)
        best = next((k for k in alike[np.argsort(-cosines[alike], kind="stable")] if not kept[k].meets(group)), None)
        if best is not None:
            kept[best].join(group)
            leaders[best] = units([kept[best].total])[0]
            continue
        if len(kept) < len(leaders):
            leaders[len(kept)] = means[place]
        kept.append(group)
    return kept


def pairs_of(scores: F32) -> list[tuple[int, int]]:
    """One-to-one pairs (row, column) of scores above 0, the best first."""
    places = np.argwhere(scores > 0)
    order = np.argsort(-scores[scores > 0], kind="stable")
    free_rows, free_columns, pairs = set(range(scores.shape[0])), set(range(scores.shape[1])), []
    for row, column in places[order].tolist():
        if row in free_rows and column in free_columns:
            free_rows.discard(row)
            free_columns.discard(column)
            pairs.append((row, column))
    return pairs
