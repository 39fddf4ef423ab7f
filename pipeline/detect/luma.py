"""Black evidence of a frame, counted on its luma plane."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.detect.types import Values
from pipeline.media.types import F32, U8, ColorRange, Frame

DEFAULT_MAX_PIXEL_THRESHOLD = 0.2
DEFAULT_MIN_COVERAGE = 0.99
BRIGHT = 0.4
"""Pixels above this ratio of the luma range (or twice the black threshold) are lit on purpose: text, logos."""
BLOCKS = (9, 16)
"""Rows and columns of the grid whose means show whether a dark frame holds a picture; noise averages out in it."""
ROWS_PER_BLOCK = 8
SAMPLED_ROW, SAMPLE_MARGIN = 8, 0.25
_LEVELS: dict[ColorRange, tuple[int, int]] = {"FULL": (0, 255), "LIMITED": (16, 235)}


@dataclass(frozen=True, slots=True)
class BlackLuma:
    """Detector of `Values` (3,): dark share, bright share, contrast; ratios 0 to 1.

    The dark share counts pixels not above minimum + threshold × range of the luma. The bright share and the contrast (spread of
    block means over the range) tell a title card and a dim picture from a black frame. Where a sample of the rows shows that `coverage`
    is far away, the dark share is the sample's and the other two are 1.

    Attributes:
        threshold: MaxPixelThreshold of the requests, 0 to 1.
        coverage: The least dark share that a request asks for, 0 to 1.
        batch: Frames per call.

    Source: Rekognition API reference, BlackFrame.
    """

    threshold: float = DEFAULT_MAX_PIXEL_THRESHOLD
    coverage: float = DEFAULT_MIN_COVERAGE
    batch: int = 64

    @property
    def key(self) -> str:
        """Name of the stage; equal thresholds share it."""
        return stage_key(self.threshold)

    def prepare(self, frame: Frame) -> F32:
        """The three values."""
        return black_values(frame.luma(), frame.color_range, self.threshold, self.coverage)

    def detect(self, prepared: Sequence[F32]) -> Sequence[Values]:
        """The values as they were measured."""
        return [Values(values) for values in prepared]


def stage_key(threshold: float) -> str:
    """Key of the stage that measures with this MaxPixelThreshold."""
    return f"luma-{threshold:g}"


def black_values(luma: U8, color_range: ColorRange, threshold: float, coverage: float = 0.0) -> F32:
    """Dark share, bright share and contrast of a luma plane (rows, columns)."""
    low, high = _LEVELS[color_range]
    black = low + threshold * (high - low)
    sample = 1 - _share_above(luma[::SAMPLED_ROW], black)
    if sample < coverage - SAMPLE_MARGIN:
        return np.array((sample, 1, 1), np.float32)
    lit = _share_above(luma, low + max(BRIGHT, 2 * threshold) * (high - low))
    return np.array((1 - _share_above(luma, black), lit, contrast(luma) / (high - low)), np.float32)


def contrast(luma: U8) -> float:
    """Spread between the darkest and the brightest block mean, 0 to 255."""
    rows, columns = BLOCKS
    height, width = luma.shape
    lines = luma[(np.arange(rows * ROWS_PER_BLOCK) * 2 + 1) * height // (2 * rows * ROWS_PER_BLOCK)]
    sums = lines.reshape(rows, ROWS_PER_BLOCK, width).sum(axis=1, dtype=np.uint32)
    edges = np.arange(columns + 1) * width // columns
    if width < columns:
        return float(np.ptp(sums / ROWS_PER_BLOCK))
    means = np.add.reduceat(sums, edges[:-1], axis=1) / (np.diff(edges) * ROWS_PER_BLOCK)
    return float(np.ptp(means))


def _share_above(luma: U8, level: float) -> float:
    """Ratio of pixels brighter than `level`."""
    whole = int(level + 1e-6)
    return 0.0 if whole >= 255 else np.count_nonzero(luma > whole) / luma.size
