"""One body, two boxes: detectors sometimes see a whole person and a part of them, and the one fades as the other comes."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from pipeline.aggregate.likeness import likeness
from pipeline.aggregate.motion import F64, boxes_of
from pipeline.aggregate.tracklets import Tracklet
from pipeline.detect.appearance import BANDS
from pipeline.detect.boxes import areas, corners_of
from pipeline.media.types import I64

SHARED = 0.85
"""Least share of the smaller box that lies in the larger one, in every common sample."""
LONGEST_S = 1.5
"""Longest time for which two boxes of one body are seen at once; two people, one in front of the other, stay longer."""
HEAD = np.array([0.25, 0.15])
"""Boxes whose upper edges' middles are closer than this, in widths of the smaller box, have one head: they are one body for ever."""


def undoubled(tracks: Sequence[Tracklet]) -> list[Tracklet]:
    """The tracklets, those of one body merged."""
    kept: list[Tracklet] = []
    alive: list[int] = []
    for track in sorted(tracks, key=lambda track: (track.times[0], track.rows[0])):
        alive = [k for k in alive if kept[k].times[-1] >= track.times[0]]
        same = next((k for k in alive if _is_same(kept[k], track)), None)
        if same is None:
            alive.append(len(kept))
            kept.append(track)
        else:
            kept[same] = _merged(kept[same], track)
    return kept


def _is_same(one: Tracklet, other: Tracklet) -> bool:
    """Whether `other`, which began later, is a second box of the body of `one`."""
    together = min(one.times[-1], other.times[-1]) - other.times[0]
    first, second = _common(one.samples, other.samples)
    if not len(first):
        return False
    a, b = one.places[first], other.places[second]
    apart = np.abs(a[:, :2] - b[:, :2]) / np.exp(np.minimum(a[:, 2:3], b[:, 2:3]))
    if together > LONGEST_S and (np.median(apart, axis=0) > HEAD).any():
        return False
    shares = _shares(a, b)
    return bool(shares.min() >= SHARED and likeness(_all_over(one), _all_over(other))[0, 0] > 0)


def _common(one: I64, other: I64) -> tuple[I64, I64]:
    """Places in both of the samples that both have; who stays for hours meets thousands who pass, so only the time of both is searched."""
    begin, stop = max(one[0], other[0]), min(one[-1], other[-1])
    (a, first), (b, second) = ((_place(samples, begin), _within(samples, begin, stop)) for samples in (one, other))
    _, rows, others = np.intersect1d(first, second, assume_unique=True, return_indices=True)
    return rows + a, others + b


def _place(samples: I64, begin: int) -> int:
    return int(np.searchsorted(samples, begin))


def _within(samples: I64, begin: int, stop: int) -> I64:
    return samples[_place(samples, begin) : int(np.searchsorted(samples, stop, "right"))]


def _shares(first: F64, second: F64) -> F64:
    """(N,) of each pair of boxes: the share of the smaller that lies in the larger."""
    a, b = (corners_of(boxes_of(places, 1.0)) for places in (first, second))
    both = areas(np.concatenate([np.maximum(a[:, :2], b[:, :2]), np.minimum(a[:, 2:], b[:, 2:])], axis=1))
    return np.asarray(both / np.minimum(areas(a), areas(b)), np.float64)


def _all_over(track: Tracklet) -> F64:
    """(1, D) colours wherever on the body, since a part's upper third is not the whole's."""
    bands = track.looks.mean(axis=0).reshape(len(BANDS) - 1, -1)
    mixed: F64 = np.sqrt((bands**2).mean(axis=0))[None]
    return mixed


def _merged(one: Tracklet, other: Tracklet) -> Tracklet:
    """Both, the surer detection where there are two."""
    columns = {
        field.name: np.concatenate([getattr(one, field.name), getattr(other, field.name)])
        for field in fields(Tracklet)
        if field.name != "looks"
    }
    order = np.lexsort((-columns["scores"], columns["samples"]))
    _, first = np.unique(columns["samples"][order], return_index=True)
    last = other if other.times[-1] > one.times[-1] else one
    looks = np.stack([one.looks[0], last.looks[1]])
    return Tracklet(looks=looks, **{name: column[order][first] for name, column in columns.items()})
