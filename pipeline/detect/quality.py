"""Brightness and sharpness of faces, 0 to 100.

Brightness is the mean BT.601 luma of the face in percent of white. Sharpness compares the face with a blurred copy of itself: a sharp
picture loses much of its gradient when it is blurred, a blurred one hardly any. The face is measured at one size, so that the
figure means the same for small and large faces; the share of gradient lost (about .1 for a face that was scaled up four times, .5 for
one in focus) is stretched to 0 to 100. Rekognition does not publish its formulas: the scales agree in direction and range only.

Source: Crété et al., "The blur effect: perception and estimation with a new no-reference perceptual blur metric", SPIE 2007.
"""

import numpy as np

from pipeline.media.types import F32, U8

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
SIDE = 64
LOSS_OF_BLUR, LOSS_OF_FOCUS = 0.05, 0.65


def qualities(pixels: U8, corners: F32) -> F32:
    """(N, 2) brightness and sharpness of the faces at `corners` (N, 4) in a picture (H, W, 3) of RGB."""
    crops = [_luma(pixels, box) for box in corners]
    return np.array([(brightness(crop), sharpness(crop)) for crop in crops], np.float32).reshape(-1, 2)


def brightness(luma: F32) -> float:
    """Mean luma, 0 for black to 100 for white."""
    return float(luma.mean() / 255 * 100)


def sharpness(luma: F32) -> float:
    """Share of the gradient that a blur takes away, stretched to 0 to 100; 0 for a flat patch.

    Args:
        luma: (H, W), 0 to 255.
    """
    patch = resampled(luma, SIDE)
    losses = [_loss(patch), _loss(patch.T)]
    share = (max(losses) - LOSS_OF_BLUR) / (LOSS_OF_FOCUS - LOSS_OF_BLUR)
    return float(np.clip(share, 0, 1) * 100)


def resampled(luma: F32, side: int) -> F32:
    """(side, side) by linear interpolation of (H, W)."""
    for _ in range(2):
        places = np.linspace(0, len(luma) - 1, side)
        low = np.minimum(places.astype(int), max(len(luma) - 2, 0))
        weight = (places - low)[:, None]
        luma = (luma[low] * (1 - weight) + luma[np.minimum(low + 1, len(luma) - 1)] * weight).T
    return luma.astype(np.float32)


def _loss(patch: F32) -> float:
    """Share of the absolute row gradient that a mean over 5 rows takes away."""
    total = np.cumsum(np.pad(patch, ((3, 2), (0, 0)), mode="edge"), axis=0)
    blurred = (total[5:] - total[:-5]) / 5
    before, after = (np.abs(np.diff(p, axis=0)) for p in (patch, blurred))
    return float(np.maximum(before - after, 0).sum() / max(before.sum(), len(patch) ** 2 * 0.25))


def _luma(pixels: U8, box: F32) -> F32:
    """Luma of the part of the box that lies in the picture; at least one pixel."""
    height, width = pixels.shape[:2]
    x0, y0 = (int(np.clip(v, 0, limit - 1)) for v, limit in zip(box[:2], (width, height), strict=True))
    x1, y1 = (
        int(np.clip(np.ceil(v), low + 1, limit))
        for v, low, limit in zip(box[2:], (x0, y0), (width, height), strict=True)
    )
    luma: F32 = pixels[y0:y1, x0:x1].astype(np.float32) @ LUMA
    return luma
