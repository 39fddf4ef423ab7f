"""Whether a line of text still looks as it did when it was read.

The tolerance was measured on lines drawn over photographs and encoded with x264 at CRF 20 to 38: unchanged lines differ by 7.2 levels
of 255 at most in any block, an exchanged digit that can be seen at all by 13 and more.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.detect.quality import LUMA
from pipeline.detect.text_crops import crop_width, part, sides, straightened
from pipeline.media.types import F32, U8

HEIGHT = 24
BLOCK = 6
MARGIN = 0.5
SLACK = 0.25
RELATIVE = 0.15
LEAST = 3.0
MOST = 8.0


@dataclass(frozen=True, slots=True)
class Look:
    """What a line looked like.

    Attributes:
        quad: (4, 2) its corners in pixels of the picture, clockwise from where reading begins.
        luma: (24, W) 0 to 255: the line and half its height more at both ends, so that text that grows is seen.
        tolerance: Mean difference in luma within a block that noise explains.
    """

    quad: F32
    luma: F32
    tolerance: float

    @classmethod
    def of(cls, picture: U8, quad: F32) -> "Look":
        """What the quadrilateral of the picture (H, W, 3) looks like."""
        luma = _luma(picture, quad)
        dark, bright = np.percentile(luma, (5, 95))
        return cls(quad, luma, float(np.clip(RELATIVE * (bright - dark), LEAST, MOST)))

    def is_still_in(self, picture: U8) -> bool:
        """Whether no part of the line, however small, has changed in this picture."""
        return bool(largest_change(self.luma, _luma(picture, self.quad)) <= self.tolerance)

    def frames(self, quad: F32) -> bool:
        """Whether the quadrilateral (4, 2) is about the same: no corner is farther off than a quarter of the lines' height."""
        offsets = np.hypot(*(quad - self.quad).T)
        return bool(offsets.max() <= SLACK * min(sides(self.quad)[1], sides(quad)[1]))


def largest_change(before: F32, after: F32) -> float:
    """The largest mean absolute difference within any block of the two pictures (24, W)."""
    return float(np.abs(before - after).reshape(HEIGHT // BLOCK, BLOCK, -1, BLOCK).mean(axis=(1, 3)).max())


def _luma(picture: U8, quad: F32) -> F32:
    width, height = sides(quad)
    margin = MARGIN * height / max(width, 1e-6)
    wide = part(quad, -margin, 1 + margin)
    blocks = max(1, round(crop_width(wide) * HEIGHT / 48 / BLOCK))
    luma: F32 = straightened(picture, wide, blocks * BLOCK, HEIGHT) @ LUMA
    return luma
