"""Who comes back: people of different shots, or who left and returned, joined by their faces, and just after a cut also by their clothes.

The logarithm of the likelihood ratio of being the same person is that of the cosine of the faces and that of the colours; the more people
are known, the more evidence it takes. Clothes alone count for little across a cut, since light and framing change with it.

Source: the cosines of strangers are those of `similarity`; those of one person are the published range of genuine pairs of SFace.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from pipeline.aggregate.likeness import likeness
from pipeline.aggregate.motion import F64
from pipeline.aggregate.stitching import PATIENCE_S
from pipeline.aggregate.tracklets import Tracklet, best_pairs
from pipeline.media.types import I64

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
        begin: Seconds.
        end: Seconds.
    """

    tracks: Sequence[Tracklet]
    shot: int
    face: F64
    begin: float
    end: float


class Crowd:
    """Everybody seen so far, in arrays, since most of the people of a long video are compared with all who come later.

    Attributes:
        known: By number.
        faces: (N, D) vectors of length 1; zeros where the face was not seen.
        faced: (N,) whether it was.
        ends: (N,) seconds at which they were seen last.
    """

    def __init__(self, most: int, size: int) -> None:
        """Room for `most` people with vectors of `size`."""
        self.known: list[Known] = []
        self.faces: F64 = np.zeros((most, size))
        self.faced: NDArray[np.bool_] = np.zeros(most, bool)
        self.ends: F64 = np.full(most, np.inf)

    def free(self, now: float) -> I64:
        """Numbers of those who may come back: they are remembered, and not in sight."""
        return np.flatnonzero((self.ends < now) & (self.faced | (now - self.ends <= MEMORY_S)))

    def put(self, one: Known, number: int | None) -> None:
        """Keeps somebody: the person of that number, or somebody new."""
        if number is None:
            number = len(self.known)
            self.known.append(one)
        else:
            one = self.known[number] = _joined(self.known[number], one)
        self.ends[number] = one.end
        if len(one.face):
            self.faces[number], self.faced[number] = one.face / np.linalg.norm(one.face), True


def reunited(shots: Sequence[Sequence[Sequence[Tracklet]]], vectors: Vectors) -> list[Sequence[Tracklet]]:
    """The tracklets of every person of a video from those of every person of every shot."""
    seen = [_met(tracks, shot, vectors) for shot, people in enumerate(shots) for tracks in people]
    crowd = Crowd(len(seen), max((len(one.face) for one in seen), default=0))
    for now, together in groupby(sorted(seen, key=lambda one: one.begin), key=lambda one: one.begin):
        new = list(together)
        free = crowd.free(now)
        matches = {later: int(free[place]) for place, later in _matches(crowd, free, new)}
        for later, one in enumerate(new):
            crowd.put(one, matches.get(later))
    return [one.tracks for one in crowd.known]


def _met(tracks: Sequence[Tracklet], shot: int, vectors: Vectors) -> Known:
    keys = [key for track in tracks for key in zip(track.samples.tolist(), track.rows.tolist(), strict=True)]
    found = [vectors[key] for key in keys if key in vectors]
    face = np.sum(found, axis=0) if found else np.zeros(0)
    return Known(tracks, shot, face, float(tracks[0].times[0]), float(tracks[-1].times[-1]))


def _joined(before: Known, later: Known) -> Known:
    faces = [face for face in (before.face, later.face) if len(face)]
    face = np.sum(faces, axis=0) if faces else np.zeros(0)
    return Known([*before.tracks, *later.tracks], later.shot, face, before.begin, later.end)


def _matches(crowd: Crowd, free: I64, new: Sequence[Known]) -> list[tuple[int, int]]:
    """(place in free, place in new) of those who are the same."""
    if not len(free):
        return []
    gaps = new[0].begin - crowd.ends[free]
    lately = np.flatnonzero(gaps <= MEMORY_S)
    clothes, tell = np.zeros((len(free), len(new))), np.zeros((len(free), len(new)), bool)
    if len(lately):
        clothes[lately], tell[lately] = _clothes([crowd.known[k] for k in free[lately]], gaps[lately], new)
    faces = _faces(crowd, free, new)
    worth = np.where(np.isnan(faces), np.where(tell, clothes, -np.inf), faces + clothes / 2)
    return [(place, later) for place, later in best_pairs(worth + PRIOR - np.log(len(free))).tolist()]


def _clothes(known: Sequence[Known], gaps: F64, new: Sequence[Known]) -> tuple[F64, NDArray[np.bool_]]:
    """(K, N) logarithms of the likelihood ratios of clothes last seen `gaps` (K,) seconds ago, and whether they tell by themselves."""
    colours = likeness(np.stack([k.tracks[-1].looks[1] for k in known]), np.stack([n.tracks[0].looks[0] for n in new]))
    shots, new_shots = (np.array([one.shot for one in side]) for side in (known, new))
    tell = shots[:, None] != new_shots[None]  # within a shot, clothes have had their say
    return np.where(tell, colours - gaps[:, None] / PATIENCE_S, np.minimum(colours, 0.0)), tell


def _faces(crowd: Crowd, free: I64, new: Sequence[Known]) -> F64:
    """(K, N) logarithms of the likelihood ratios of the faces; NaN where one of the two is not known."""
    cosines = np.full((len(free), len(new)), np.nan)
    columns = [k for k, one in enumerate(new) if len(one.face)]
    if columns:
        later = np.stack([new[k].face / np.linalg.norm(new[k].face) for k in columns])
        alike = (crowd.faces[: len(crowd.known)] @ later.T)[free]
        alike[~crowd.faced[free]] = np.nan
        cosines[:, columns] = np.minimum(alike, SAME[0])  # surer than the usual is not rarer
    same, strangers = (-(((cosines - mean) / spread) ** 2) / 2 - np.log(spread) for mean, spread in (SAME, STRANGERS))
    ratio: F64 = np.clip(same - strangers, *FACE_LIMITS)
    return ratio
