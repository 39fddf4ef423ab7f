"""The colours that a picture or a part of it mostly has.

Pixels of nearly one colour (32 steps per channel) are taken together and grouped by k-means in CIELAB, weighted by their number. The first
centre is the commonest colour, each next one the colour that most speaks for, by number of pixels times squared distance from the centres
so far: no chance is involved, so that the same picture always has the same colours. Groups that look alike are joined.

Source: Lloyd, "Least squares quantization in PCM", 1982 (k-means); Arthur and Vassilvitskii, "k-means++", 2007 (weights of seeds).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.colors.lab import F64, to_lab, to_rgb
from pipeline.media.types import I64, U8

SIDE = 256
"""Pixels of the longer side of a picture that is large enough to find its colours in."""
STEPS = 32
GROUPS, ROUNDS = 20, 8
"""Groups: as many as a request may ask for, by the service model."""
SAME = 1e-6
"""Squared distance that is none but for rounding."""
ALIKE = 10.0
"""Distance in CIELAB below which two colours pass for one: about how far apart those are that CSS names, 9 (median) from the nearest."""
LEAST = 0.01
"""Share of the pixels below which a colour does not dominate anything."""


@dataclass(frozen=True, slots=True)
class Colors:
    """Colours, the commonest first.

    Attributes:
        rgb: (N, 3) uint8.
        shares: (N,) float64, of the pixels, 0 to 1; they add up to 1 at most.
    """

    rgb: U8
    shares: F64


def dominant_colors(pixels: U8) -> Colors:
    """At most `GROUPS` colours of the pixels (N, 3) RGB, each of at least `LEAST` of them; none where there are no pixels."""
    if not len(pixels):
        return Colors(np.empty((0, 3), np.uint8), np.empty(0))
    rgb, counts = _bins(pixels)
    centres, weights = _joined(*_grouped(to_lab(rgb), counts))
    shares = weights / len(pixels)
    order = np.argsort(-shares, kind="stable")
    order = order[shares[order] >= LEAST]
    return Colors(np.rint(to_rgb(centres[order])).astype(np.uint8), shares[order])


def _bins(pixels: U8) -> tuple[F64, F64]:
    """(M, 3) mean RGB and (M,) number of the pixels of each colour, darkest first."""
    step = 256 // STEPS
    codes = (pixels // step).astype(np.int64) @ np.array([STEPS**2, STEPS, 1])
    counts = np.bincount(codes, minlength=STEPS**3).astype(np.float64)
    there = np.flatnonzero(counts)
    sums = [np.bincount(codes, channel, STEPS**3)[there] for channel in pixels.T]
    return np.stack(sums, axis=1) / counts[there, None], counts[there]


def _grouped(labs: F64, counts: F64) -> tuple[F64, F64]:
    """(K, 3) means and (K,) weights of the groups of colours."""
    centres, weights = _seeds(labs, counts), counts
    for _ in range(ROUNDS):
        centres, weights = _means(labs, counts, _squares(labs, centres).argmin(axis=1), len(centres))
    return centres, weights


def _seeds(labs: F64, counts: F64) -> F64:
    """(K, 3) colours to start from, K at most `GROUPS`."""
    places = [int(counts.argmax())]
    away = _squares(labs, labs[places])[:, 0]
    while len(places) < GROUPS and (away > SAME).any():
        places.append(int((counts * away).argmax()))
        away = np.minimum(away, _squares(labs, labs[places[-1:]])[:, 0])
    return labs[places]


def _squares(labs: F64, centres: F64) -> F64:
    """(M, K) squared distances."""
    squares: F64 = (labs**2).sum(axis=1)[:, None] - 2 * labs @ centres.T + (centres**2).sum(axis=1)
    return np.maximum(squares, 0)


def _means(labs: F64, counts: F64, groups: NDArray[np.intp] | I64, size: int) -> tuple[F64, F64]:
    """(K, 3) weighted means and (K,) weights of groups 0 to size - 1; empty ones are gone."""
    weights: F64 = np.bincount(groups, counts, size).astype(np.float64)
    sums = np.stack([np.bincount(groups, counts * channel, size) for channel in labs.T], axis=1)
    there = weights > 0
    return sums[there] / weights[there, None], weights[there]


def _joined(centres: F64, weights: F64) -> tuple[F64, F64]:
    """The groups after the nearest two were made one as long as they look alike."""
    while len(centres) > 1:
        away = _squares(centres, centres) + np.diag(np.full(len(centres), np.inf))
        if away.min() >= ALIKE**2:
            break
        kept, gone = sorted(divmod(int(away.argmin()), len(centres)))
        groups = np.arange(len(centres))
        groups[gone] = kept
        centres, weights = _means(centres, weights, groups, len(centres))
    return centres, weights
