"""Black stretches from the per-frame values of `detect.luma`."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.aggregate.shots import runs
from pipeline.detect.luma import DEFAULT_MAX_PIXEL_THRESHOLD, DEFAULT_MIN_COVERAGE
from pipeline.media.types import F32

LIT_SHARE, CONTRAST = 0.0005, 0.015
"""What a black frame may show when the request leaves the choice to us: lit pixels, and spread of block means over the luma range."""
LEAST_FRAMES = 2


@dataclass(frozen=True, slots=True)
class BlackRule:
    """Which frames count as black.

    Where the request has a BlackFrame filter, the documented formula alone decides: the share of dark pixels. Without one, a dim
    picture and bright text on black are no black frames either, though the formula's defaults would take them.

    Attributes:
        threshold: MaxPixelThreshold, 0 to 1.
        coverage: MinCoveragePercentage / 100.
        formula_only: True where the request has a BlackFrame filter.

    Source: Rekognition API reference, BlackFrame.
    """

    threshold: float = DEFAULT_MAX_PIXEL_THRESHOLD
    coverage: float = DEFAULT_MIN_COVERAGE
    formula_only: bool = False

    def black(self, values: F32) -> NDArray[np.bool_]:
        """Whether each frame is black; `values` (N, 3) as `detect.luma.BlackLuma` measures them."""
        black: NDArray[np.bool_] = values[:, 0] >= np.float32(self.coverage)
        if not self.formula_only:
            black = black & (values[:, 1] <= LIT_SHARE) & (values[:, 2] <= CONTRAST)
        return black


@dataclass(frozen=True, slots=True)
class BlackStretch:
    """Frames `start` to `end`, both inclusive.

    Attributes:
        confidence: 50 to 100: percentage of dark pixels over all its frames.
    """

    start: int
    end: int
    confidence: float


def black_stretches(values: F32, rule: BlackRule) -> list[BlackStretch]:
    """The black stretches of a video in time order; a single dark frame is none."""
    found = [(a, b) for a, b in runs(rule.black(values)) if b - a + 1 >= LEAST_FRAMES]
    return [BlackStretch(a, b, max(50.0, 100 * float(values[a : b + 1, 0].mean()))) for a, b in found]
