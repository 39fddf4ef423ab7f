"""Brightness, sharpness and contrast of a picture or of a part of it, 0 to 100.

Brightness is the mean BT.601 luma in percent of white. Contrast is the span of luma between the darkest and the brightest hundredth of the
pixels, in percent of that from black to white. Sharpness is how much of its gradients the picture would lose if it were blurred: a sharp
one loses much, a blurred one hardly any. A mean over nine pixels takes eight ninths from an edge that is one pixel wide; that is 100, and
0 is a part without gradients. It is measured on the picture as it fills a screen, `SIDE` pixels wide or high: finer blur is not seen. Noise
passes for sharpness.

Rekognition does not publish its formulas: the scales agree in direction and range only.

Source: Crété et al., "The blur effect: perception and estimation with a new no-reference perceptual blur metric", SPIE 2007 (sharpness,
with their nine pixels); scikit-image, `is_low_contrast` (hundredths).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.detect.quality import LUMA, brightness
from pipeline.media.types import F32, U8

SIDE = 1024
TAPS = 9
MOST_LOST = 1 - 1 / TAPS
STEP, FAINT = 1.0, 0.5
"""Of luma: gradients that rounding alone can make; the mean gradient of a part below which there is nothing to judge sharpness by."""
DARKEST, BRIGHTEST = 1, 99
"""Percentiles of luma."""

Area = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Quality:
    """How good a picture or a part of it is.

    Attributes:
        brightness: 0 for black to 100 for white.
        sharpness: 0 to 100.
        contrast: 0 for one shade of grey to 100.
    """

    brightness: float
    sharpness: float
    contrast: float


class Measured:
    """A picture whose parts can be judged.

    Args:
        pixels: (H, W, 3) RGB.
    """

    def __init__(self, pixels: U8) -> None:
        self._luma: F32 = pixels.astype(np.float32) @ LUMA
        self._gradients, self._lost = _gradients(self._luma)

    def quality(self, area: Area | None = None) -> Quality:
        """The quality of the pixels of (H, W) that are true, at least one; None: of all."""
        part = ... if area is None else area
        luma = self._luma[part]
        darkest, brightest = np.percentile(luma, (DARKEST, BRIGHTEST))
        gradient = max(float(self._gradients[part].sum(dtype=np.float64)), FAINT * luma.size)
        lost = float(self._lost[part].sum(dtype=np.float64)) / gradient
        contrast = float(brightest - darkest) / 255 * 100
        return Quality(brightness(luma), min(lost / MOST_LOST, 1.0) * 100, contrast)


def _gradients(luma: F32) -> tuple[F32, F32]:
    """(H, W) sums of the gradients along both axes, and of how much less they are in a blurred copy."""
    total, lost = np.zeros_like(luma), np.zeros_like(luma)
    for plane, all_of_it, less in ((luma, total, lost), (luma.T, total.T, lost.T)):
        before = np.maximum(np.abs(plane[1:] - plane[:-1]) - STEP, 0)
        all_of_it[:-1] += before
        less[:-1] += np.maximum(before - _blurred_gradient(plane), 0)
    return total, lost


def _blurred_gradient(plane: F32) -> F32:
    """(H - 1, W) gradients along the rows after a mean over `TAPS` of them: neighbouring means differ by a row at either end only."""
    side = TAPS // 2
    padded = np.pad(plane, ((side, side), (0, 0)), mode="edge")
    gradient: F32 = np.abs(padded[TAPS:] - padded[:-TAPS]) / np.float32(TAPS)
    return gradient
