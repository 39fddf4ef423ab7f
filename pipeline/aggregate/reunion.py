"""Who comes back: people of different shots, or who left and returned, joined by their faces, and just after a cut also by their clothes.

The logarithm of the likelihood ratio of being the same person is that of the cosine of the faces and that of the colours; the more people
are known, the more evidence it takes. Clothes alone count for little across a cut, since light and framing change with it.

Source: the cosines of strangers are those of `similarity`; those of one person are the published range of genuine pairs of SFace.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from pipeline.aggregate.likeness import likeness
from pipeline.aggregate.motion import F64
from pipeline.aggregate.stitching import PATIENCE_S
from pipeline.aggregate.tracklets import Tracklet, best_pairs

STRANGERS, SAME = (0.104, 0.105), (0.60, 0.13)
"""Mean and deviation of the cosines of two people's faces, and of one person's."""
FACE_LIMITS = (-6.0, 9.0)
MEMORY_S = 20.0
"""For how long clothes are remembered."""
PRIOR = -1.0

Vectors = Mapping[tuple[int, int], F64]
"""(sample, row) of somebody whose face was embedded -> (D,) its vector, as long as it is trusted."""


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody seen so far.

    Attributes:
        tracks: In order of time.
        shot: Number of the shot in which they were seen last.
        face: (D,) sum of the vectors of their face; empty: it was not seen.
    """

    tracks: Sequence[Tracklet]
    shot: int
    face: F64

    @property
    def begin(self) -> float:
        """Seconds."""
        return float(self.tracks[0].times[0])

    @property
    def end(self) -> float:
        """Seconds."""
        return float(self.tracks[-1].times[-1])


def reunited(shots: Sequence[Sequence[Sequence[Tracklet]]], vectors: Vectors) -> list[Sequence[Tracklet]]:
    """The tracklets of every person of a video from those of every person of every shot."""
    seen = [Known(tracks, shot, _face(tracks, vectors)) for shot, people in enumerate(shots) for tracks in people]
    known: list[Known] = []
    for _, together in groupby(sorted(seen, key=lambda one: one.begin), key=lambda one: one.begin):
        new = list(together)
        matches = {later: before for before, later in _matches(known, new)}
        for later, one in enumerate(new):
            if later in matches:
                known[matches[later]] = _joined(known[matches[later]], one)
            else:
                known.append(one)
    return [one.tracks for one in known]


def _face(tracks: Sequence[Tracklet], vectors: Vectors) -> F64:
    keys = [key for track in tracks for key in zip(track.samples.tolist(), track.rows.tolist(), strict=True)]
    found = [vectors[key] for key in keys if key in vectors]
    return np.sum(found, axis=0) if found else np.zeros(0)


def _joined(before: Known, later: Known) -> Known:
    faces = [face for face in (before.face, later.face) if len(face)]
    return Known([*before.tracks, *later.tracks], later.shot, np.sum(faces, axis=0) if faces else np.zeros(0))


def _matches(known: Sequence[Known], new: Sequence[Known]) -> Iterator[tuple[int, int]]:
    """(place in known, place in new) of those who are the same."""
    now = new[0].begin
    free = [k for k, one in enumerate(known) if one.end < now and (len(one.face) or now - one.end <= MEMORY_S)]
    if not free:
        return
    faces = np.array([[_face_worth(known[k].face, one.face) for one in new] for k in free])
    colours = likeness(
        np.stack([known[k].tracks[-1].looks[1] for k in free]), np.stack([n.tracks[0].looks[0] for n in new])
    )
    gaps = np.array([now - known[k].end for k in free])[:, None]
    recent = (gaps <= MEMORY_S) & np.array([[known[k].shot != one.shot for one in new] for k in free])
    clothes = np.where(recent, colours - gaps / PATIENCE_S, np.minimum(colours, 0.0) * (gaps <= MEMORY_S))
    worth = np.where(np.isnan(faces), np.where(recent, clothes, -np.inf), np.nan_to_num(faces) + clothes / 2)
    for place, later in best_pairs(worth + PRIOR - np.log(len(free))).tolist():
        yield free[place], later


def _face_worth(one: F64, other: F64) -> float:
    """Logarithm of the likelihood ratio of two faces; NaN where one is not known."""
    if not len(one) or not len(other):
        return float("nan")
    cosine = float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))
    same, strangers = (-(((cosine - mean) / spread) ** 2) / 2 - np.log(spread) for mean, spread in (SAME, STRANGERS))
    return float(np.clip(same - strangers if cosine < SAME[0] else FACE_LIMITS[1], *FACE_LIMITS))
