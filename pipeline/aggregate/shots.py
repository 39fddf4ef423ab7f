"""Shots from the probabilities that a frame ends one and that it lies inside a transition."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.media.types import F32

CUT_PROBABILITY = 0.3
"""Source: the publisher's default of AutoShot, 0.296."""
INSIDE_PROBABILITY = 0.5
SOFT_FRAMES = 5
"""A transition of fewer frames is a hard cut: the net calls a frame or two around every cut a transition."""
SHOT_FRAMES = 3
"""What is shorter between two transitions belongs to them: flashes, a dip to black; at the ends of the video, to the shot there."""


@dataclass(frozen=True, slots=True)
class Shot:
    """Frames `start` to `end`, both inclusive, and how sure their limits are.

    Attributes:
        confidence: 50 to 100; of the less certain limit, 100 at the ends of the video.
    """

    start: int
    end: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Transition:
    """From the last frame of a shot to the first frame of the next.

    Attributes:
        end: Last frame before the transition.
        start: First frame behind it; `end` + 1 for a hard cut.
        probability: 0 to 1.
    """

    end: int
    start: int
    probability: float


def shots(cuts: ArrayLike, inside: ArrayLike) -> list[Shot]:
    """The shots of a video; the frames of soft transitions in which neither picture has two thirds belong to none.

    Args:
        cuts: (N,) probability that a shot ends with the frame.
        inside: (N,) probability that the frame is inside a transition.
    """
    cut, soft = np.asarray(cuts, np.float32), np.asarray(inside, np.float32)
    if not len(cut):
        return []
    limits = [Transition(-1, 0, 1.0), *transitions(cut, soft), Transition(len(cut) - 1, len(cut), 1.0)]
    return [
        Shot(a.start, b.end, confidence(min(a.probability, b.probability)))
        for a, b in pairwise(limits)
        if b.end >= a.start
    ]


def transitions(cut: F32, soft: F32) -> list[Transition]:
    """What separates the shots, in time order, without the two ends of the video."""
    cut = np.append(cut[:-1], np.float32(0))  # no shot follows the last frame
    extents = {frame: run for run in runs(soft >= INSIDE_PROBABILITY) for frame in range(run[0], run[1] + 1)}
    found: list[Transition] = []
    for start, end in runs(cut >= CUT_PROBABILITY):
        peak = start + int(np.argmax(cut[start : end + 1]))
        _join(found, _transition(peak, float(cut[peak]), extents.get(peak) or extents.get(peak + 1)))
    return [each for each in found if each.end + 1 >= SHOT_FRAMES and len(cut) - each.start >= SHOT_FRAMES]


def _transition(peak: int, probability: float, extent: tuple[int, int] | None) -> Transition:
    if extent is None or extent[1] - extent[0] + 1 < SOFT_FRAMES:
        return Transition(peak, peak + 1, probability)
    trim = (extent[1] - extent[0] + 1) // 3
    return Transition(extent[0] + trim - 1, extent[1] - trim + 1, probability)


def _join(found: list[Transition], new: Transition) -> None:
    """Appends, or melts into the last one where hardly a shot lies between."""
    last = found[-1] if found else None
    if last is None or new.end - last.start + 1 >= SHOT_FRAMES:
        found.append(new)
        return
    limits = min(last.end, new.end), max(last.start, new.start)
    found[-1] = Transition(*limits, max(last.probability, new.probability))


def confidence(probability: float) -> float:
    """50 at the threshold, where the service's own filter begins, to 100."""
    return 50 + 50 * max(0.0, probability - CUT_PROBABILITY) / (1 - CUT_PROBABILITY)


def runs(flags: NDArray[np.bool_]) -> Sequence[tuple[int, int]]:
    """First and last frame of every stretch of true values."""
    steps = np.diff(np.concatenate(([0], flags.astype(np.int8), [0])))
    return list(zip(np.flatnonzero(steps == 1).tolist(), (np.flatnonzero(steps == -1) - 1).tolist(), strict=True))
