"""Which frames are looked at; the same ones however the video is cut."""

import numpy as np

from pipeline.media.types import I64, Every, EveryAtEnds, FrameIndex, Sampling, Stretch


def sampled(sampling: Sampling, index: FrameIndex, stretch: Stretch) -> I64:
    """(N,) int64 ascending numbers of the frames of `stretch` that `sampling` takes; frame 0 is always among them."""
    if isinstance(sampling, EveryAtEnds):
        begin, end = inner_frames(sampling, index)
        numbers = sampled(Every(sampling.step_ms), index, stretch)
        return numbers[(numbers < begin) | (numbers >= end)]
    if not isinstance(sampling, Every):
        return np.arange(stretch.start, stretch.stop, dtype=np.int64)
    steps = _steps(sampling, index, max(stretch.start - 1, 0), stretch.stop)
    numbers = np.arange(stretch.start, stretch.stop, dtype=np.int64)
    before = -1 if stretch.start == 0 else steps[0]
    return numbers[np.diff(steps[len(steps) - len(numbers) :], prepend=before) > 0]


def inner_frames(sampling: EveryAtEnds, index: FrameIndex) -> tuple[int, int]:
    """First frame behind the beginning, and first frame of the end; the ends of a short video overlap."""
    length = float((index.pts[-1] - index.pts[0]) * index.time_base)
    reach = max(sampling.least_ms / 1000, min(sampling.share * length, sampling.most_ms / 1000))
    places = index.pts[0] + np.array([reach, length - reach]) / float(index.time_base)
    begin, end = np.searchsorted(index.pts, np.ceil(places)).tolist()
    return begin, end // sampling.group * sampling.group


def _steps(sampling: Every, index: FrameIndex, start: int, stop: int) -> I64:
    """How many multiples of the step lie at or before each frame's time; exact."""
    since_first = index.pts[start:stop] - index.pts[0]
    base = index.time_base
    # Splitting off whole seconds' worth of ticks keeps the products far below 2**63.
    seconds, rest = np.divmod(since_first * base.numerator, base.denominator)
    scaled: I64 = seconds * 1000 * base.denominator + rest * 1000
    return scaled // (sampling.step_ms * base.denominator)
