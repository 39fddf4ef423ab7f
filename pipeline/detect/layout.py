"""What a thumbnail tells about the make-up of a frame: colour bars, a mark on a plain ground, how much changed since the last frame."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.detect.color_bars import bars_score
from pipeline.detect.shots import HEIGHT, WIDTH
from pipeline.detect.types import Values
from pipeline.media.types import F32, U8, Frame, Stretch

BARS, CHANGE, PLAIN, CENTRED = range(4)
"""Columns of the values."""
PLAIN_LEVELS = 16
"""Of 255: how far a channel may lie from the ground's and still belong to it; noise of codecs and soft shading stay below."""
CENTRE = 0.15
"""The centre leaves out this ratio of the picture at each side."""
Found = tuple[int, Values]


@dataclass(frozen=True, slots=True)
class FrameLayout:
    """Stretch detector of `Values` (4,) per frame: bars, change, plain, centred.

    bars: 0 to 1, see `color_bars.bars_score`. change: mean absolute difference to the frame before, 0 to 255, 0 for the first frame.
    plain: ratio of the picture that has the colour of the ground, which is the median of the outermost pixels. centred: ratio of the
    rest that lies in the middle of the picture, 0 where there is no rest.

    Attributes:
        context: Frames needed before and after a frame.
    """

    context: int = 1

    def prepare(self, frame: Frame) -> U8:
        """Thumbnail (27, 48, 3) RGB; the shot detector's."""
        return frame.rgb(WIDTH, HEIGHT)

    def open(self, stretch: Stretch, frame_count: int) -> "LayoutRun":
        """A walk over any stretch."""
        del stretch, frame_count
        return LayoutRun()


@dataclass(slots=True)
class LayoutRun:
    """One walk: remembers the frame before."""

    _before: U8 | None = None

    def add(self, index: int, prepared: U8) -> Iterable[Found]:
        """The values of the frame."""
        before, self._before = self._before, prepared
        return [(index, Values(layout(prepared, prepared if before is None else before)))]

    def finish(self) -> Sequence[Found]:
        """Nothing: every frame has its answer."""
        return ()


def _medians(pixels: U8) -> F32:
    """(3,) medians of the channels of (N, 3)."""
    middle = len(pixels) // 2, (len(pixels) - 1) // 2
    between: F32 = np.partition(pixels, middle, axis=0)[middle, :].mean(axis=0, dtype=np.float32)
    return between


def layout(thumbnail: U8, before: U8) -> F32:
    """The values (4,) of a thumbnail (rows, columns, 3) and the one before it."""
    change = (np.maximum(thumbnail, before) - np.minimum(thumbnail, before)).mean()
    border = np.concatenate((thumbnail[0], thumbnail[-1], thumbnail[1:-1, 0], thumbnail[1:-1, -1]))
    other: NDArray[np.bool_] = np.zeros((len(thumbnail), thumbnail.shape[1]), bool)
    for channel, ground in enumerate(_medians(border)):
        other |= np.abs(thumbnail[..., channel].astype(np.float32) - ground) > PLAIN_LEVELS
    rows, columns = (round(CENTRE * side) for side in other.shape)
    centre = other[rows : len(other) - rows, columns : other.shape[1] - columns].sum()
    values = bars_score(thumbnail), change, 1 - other.mean(), centre / max(other.sum(), 1)
    return np.array(values, np.float32)
