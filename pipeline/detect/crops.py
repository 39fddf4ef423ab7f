"""Turned and scaled parts of a picture, made ready for networks that look at one face."""

import numpy as np
from scipy.ndimage import affine_transform

from pipeline.media.types import F32, U8


def turned_square(centre: F32, length: float, roll: float, side: int) -> F32:
    """(2, 3) matrix that takes x, y, 1 of a crop's pixels to those of the picture.

    Args:
        centre: (2,) x, y of the crop's middle in the picture; the centre of a picture's first pixel is at 0, 0.
        length: Side of the square in pixels of the picture.
        roll: Degrees clockwise by which the square is turned in the picture.
        side: Side of the crop in its own pixels.
    """
    angle, scale = np.radians(roll), length / side
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * scale
    middle = np.full(2, (side - 1) / 2)
    matrix: F32 = np.column_stack([turn, centre - turn @ middle]).astype(np.float32)
    return matrix


def moved(points: F32, matrix: F32) -> F32:
    """The points (..., 2) of a crop in pixels of the picture."""
    places: F32 = points @ matrix[:, :2].T + matrix[:, 2]
    return places


def crop(picture: U8, matrix: F32, side: int) -> F32:
    """(side, side, C) of the picture (H, W, C), 0 to 255: linear between pixels, its edges repeated beyond them.

    Where the crop is smaller than what it shows, squares of pixels are averaged first, so that nothing aliases.
    """
    factor = max(1, round(float(np.hypot(matrix[0, 0], matrix[1, 0]))))
    ends = moved(np.array([[x, y] for x in (0, side - 1) for y in (0, side - 1)], np.float32), matrix)
    low, high = (_inside(limit, picture) for limit in (ends.min(axis=0) - 2 * factor, ends.max(axis=0) + 2 * factor))
    part = reduced(picture[low[1] : high[1] + 1, low[0] : high[0] + 1], factor)
    # Squares have their middles between pixels: the first one lies (factor - 1) / 2 behind the first pixel.
    shift = (matrix[:, 2] - low - (factor - 1) / 2) / factor
    turn, offset = (matrix[:, :2] / factor)[::-1, ::-1], shift[::-1]
    planes = [
        affine_transform(part[..., channel], turn, offset, (side, side), np.float32, order=1, mode="nearest")
        for channel in range(part.shape[2])
    ]
    return np.stack(planes, axis=2)


def reduced(picture: U8, factor: int) -> U8 | F32:
    """The picture (H, W, C) averaged over squares of `factor` pixels; the last row and column are repeated where a square is not full."""
    if factor == 1:
        return picture
    height, width = picture.shape[:2]
    padded = np.pad(picture, ((0, -height % factor), (0, -width % factor), (0, 0)), mode="edge")
    total = np.zeros((padded.shape[0] // factor, padded.shape[1] // factor, padded.shape[2]), np.float32)
    for row in range(factor):
        for column in range(factor):
            total += padded[row::factor, column::factor]
    means: F32 = total * np.float32(1 / factor**2)
    return means


def _inside(spot: F32, picture: U8) -> list[int]:
    """The nearest pixel of the picture, x and y."""
    return [int(np.clip(np.round(v), 0, limit - 1)) for v, limit in zip(spot, picture.shape[1::-1], strict=True)]
