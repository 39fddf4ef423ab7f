"""Lines of text cut out of pictures: quadrilaterals straightened to one height."""

import numpy as np
from numpy.typing import NDArray

from pipeline.media.types import F32, U8

HEIGHT = 48
LONGEST = 2560


def sides(quad: F32) -> tuple[float, float]:
    """Width and height of a quadrilateral (4, 2), clockwise from the top left: means of the opposite sides."""
    lengths = np.hypot(*(np.roll(quad, -1, axis=0) - quad).T)
    return float(lengths[0] + lengths[2]) / 2, float(lengths[1] + lengths[3]) / 2


def reading(quad: F32) -> F32:
    """The quadrilateral (4, 2) begun where reading begins: one that is clearly higher than wide is taken to run downwards."""
    width, height = sides(quad)
    return np.roll(quad, -1, axis=0) if height >= 1.5 * width else quad


def part(quad: F32, begin: float, end: float) -> F32:
    """(4, 2) what lies between two places along the quadrilateral (4, 2), 0 to 1; places beyond lie outside of it."""
    along = np.array([begin, end, end, begin], np.float32)[:, None]
    starts, ends = quad[[0, 0, 3, 3]], quad[[1, 1, 2, 2]]
    cut: F32 = starts + (ends - starts) * along
    return cut


def crop_width(quad: F32) -> int:
    """Width in pixels of the straightened quadrilateral (4, 2) at `HEIGHT`, 8 to `LONGEST`."""
    width, height = sides(quad)
    return int(np.clip(round(HEIGHT * width / max(height, 1e-6)), 8, LONGEST))


def straightened(picture: U8, quad: F32, width: int, height: int = HEIGHT) -> F32:
    """(height, width, 3) RGB 0 to 255 of what the quadrilateral (4, 2), in pixels of the picture (H, W, 3), frames."""
    region, corners = _shrunk(picture, quad, height)
    across = ((np.arange(width) + 0.5) / width)[None, :, None]
    down = ((np.arange(height) + 0.5) / height)[:, None, None]
    top = corners[0] + (corners[1] - corners[0]) * across
    bottom = corners[3] + (corners[2] - corners[3]) * across
    return _sampled(region, top + (bottom - top) * down - 0.5)


def _shrunk(picture: U8, quad: F32, height: int) -> tuple[F32, NDArray[np.float64]]:
    """The surroundings of the quadrilateral, averaged down where it is much higher than `height`, and its corners in them."""
    limits = np.array(picture.shape[1::-1])
    by = max(1, int(sides(quad)[1] / height))
    low = np.clip(np.floor(quad.min(axis=0)).astype(int) - by, 0, limits - 1)
    high = np.clip(np.ceil(quad.max(axis=0)).astype(int) + by, low + 1, limits)
    region = picture[low[1] : high[1], low[0] : high[0]].astype(np.float32)
    if by > 1:
        rows, columns = (-(-side // by) * by for side in region.shape[:2])
        region = np.pad(region, ((0, rows - region.shape[0]), (0, columns - region.shape[1]), (0, 0)), "edge")
        region = region.reshape(rows // by, by, columns // by, by, 3).mean(axis=(1, 3))
    return region, (quad.astype(float) - low) / by


def _sampled(region: F32, places: NDArray[np.float64]) -> F32:
    """Bilinear samples (H, W, 3) of the region at pixel places x, y (H, W, 2); its edge goes on forever."""
    last = np.array(region.shape[1::-1]) - 1
    places = np.clip(places, 0, last)
    first = np.minimum(places.astype(int), np.maximum(last - 1, 0))
    share = (places - first).astype(np.float32)[..., None, :]
    (x, y), (right, below) = np.moveaxis(first, -1, 0), np.moveaxis(np.minimum(first + 1, last), -1, 0)
    upper = region[y, x] + (region[y, right] - region[y, x]) * share[..., 0]
    lower = region[below, x] + (region[below, right] - region[below, x]) * share[..., 0]
    samples: F32 = upper + (lower - upper) * share[..., 1]
    return samples
