"""Who comes back: people of different shots, or who left and returned, joined by their faces, and just after a cut also by their clothes.

The logarithm of the likelihood ratio of being the same person is that of the cosine of the faces and that of the colours; the more people
are known, the more evidence it takes. Clothes alone count for little across a cut, since light and framing change with it.

Source: the cosines of strangers are those of `similarity`; those of one person are the published range of genuine pairs of SFace.
"""

from collections.abc import Mapping, Sequence
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
        begin: Seconds.
        end: Seconds.
    """

    tracks: Sequence[Tracklet]
    shot: int
    face: F64
    begin: float
    end: float


def reunited(shots: Sequence[Sequence[Sequence[Tracklet]]], vectors: Vectors) -> list[Sequence[Tracklet]]:
    """The tracklets of every person of a video from those of every person of every shot."""
    seen = [_met(tracks, shot, vectors) for shot, people in enumerate(shots) for tracks in people]
    known: list[Known] = []
    alive: list[int] = []
    for now, together in groupby(sorted(seen, key=lambda one: one.begin), key=lambda one: one.begin):
        new = list(together)
        alive = [k for k in alive if len(known[k].face) or now - known[k].end <= MEMORY_S]
        free = [k for k in alive if known[k].end < now]
        matches = {later: free[place] for place, later in _matches([known[k] for k in free], new)}
        for later, one in enumerate(new):
            if later in matches:
                known[matches[later]] = _joined(known[matches[later]], one)
            else:
                alive.append(len(known))
                known.append(one)
    return [one.tracks for one in known]


def _met(tracks: Sequence[Tracklet], shot: int, vectors: Vectors) -> Known:
    keys = [key for track in tracks for key in zip(track.samples.tolist(), track.rows.tolist(), strict=True)]
    found = [vectors[key] for key in keys if key in vectors]
    face = np.sum(found, axis=0) if found else np.zeros(0)
    return Known(tracks, shot, face, float(tracks[0].times[0]), float(tracks[-1].times[-1]))


def _joined(before: Known, later: Known) -> Known:
    faces = [face for face in (before.face, later.face) if len(face)]
    face = np.sum(faces, axis=0) if faces else np.zeros(0)
    return Known([*before.tracks, *later.tracks], later.shot, face, before.begin, later.end)


def _matches(known: Sequence[Known], new: Sequence[Known]) -> list[tuple[int, int]]:
    """(place in known, place in new) of those who are the same."""
    if not known:
        return []
    gaps = np.array([new[0].begin - one.end for one in known])[:, None]
    colours = likeness(np.stack([k.tracks[-1].looks[1] for k in known]), np.stack([n.tracks[0].looks[0] for n in new]))
    remembered = gaps <= MEMORY_S
    shots, new_shots = (np.array([one.shot for one in side]) for side in (known, new))
    tell = remembered & (shots[:, None] != new_shots[None])  # within a shot, clothes have had their say
    clothes = np.where(tell, colours - gaps / PATIENCE_S, np.minimum(colours, 0.0) * remembered)
    faces = _faces(known, new)
    worth = np.where(np.isnan(faces), np.where(tell, clothes, -np.inf), faces + clothes / 2)
    return [(place, later) for place, later in best_pairs(worth + PRIOR - np.log(len(known))).tolist()]


def _faces(known: Sequence[Known], new: Sequence[Known]) -> F64:
    """(K, N) logarithms of the likelihood ratios of the faces; NaN where one of the two is not known."""
    cosines = np.full((len(known), len(new)), np.nan)
    rows, columns = ([k for k, one in enumerate(side) if len(one.face)] for side in (known, new))
    if rows and columns:
        old, later = (np.stack([side[k].face for k in few]) for side, few in ((known, rows), (new, columns)))
        lengths = np.linalg.norm(old, axis=1)[:, None] * np.linalg.norm(later, axis=1)[None]
        cosines[np.ix_(rows, columns)] = np.minimum(
            old @ later.T / lengths, SAME[0]
        )  # surer than the usual is not rarer
    same, strangers = (-(((cosines - mean) / spread) ** 2) / 2 - np.log(spread) for mean, spread in (SAME, STRANGERS))
    ratio: F64 = np.clip(same - strangers, *FACE_LIMITS)
    return ratio
