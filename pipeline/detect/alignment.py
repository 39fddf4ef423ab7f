"""Faces turned upright and brought to one size: the crops that face recognition networks were trained on.

The landmarks of a face are moved onto a template by the similarity (turn, scale, shift) of least squares, and the crop is sampled from
the picture: between pixels, and for faces larger than the crop after averaging over squares of pixels, so that nothing aliases.

Source: the template is ArcFace's (Deng et al., 2019); Umeyama, "Least-squares estimation of transformation parameters between two point
patterns", 1991, for the similarity.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.media.types import F32, U8

SIDE = 112
# Eye on the picture's left, eye on the right, nose tip, mouth left, mouth right; the centre of the crop's first pixel is at 0, 0.
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float32
)


def aligned(picture: U8, landmarks: F32, template: F32 = TEMPLATE, side: int = SIDE) -> U8:
    """(N, side, side, 3) crops of the faces in a picture (H, W, 3); black beyond its edges.

    Args:
        picture: Pixels, square as seen.
        landmarks: (N, K, 2) x, y in pixels of the picture, the centre of the first at 0, 0; no face's may coincide.
        template: (K, 2) where they go in the crop.
        side: Pixels of the crop's sides.
    """
    crops = [warped(picture, matrix, side) for matrix in similarities(landmarks, template)]
    return np.stack(crops) if crops else np.zeros((0, side, side, 3), np.uint8)


def similarities(landmarks: F32, template: F32 = TEMPLATE) -> F32:
    """(N, 2, 3) matrices that take x, y, 1 of the template's plane to the picture, whose landmarks (N, K, 2) fit the template best."""
    spots, wanted = (points[..., 0].astype(np.float64) + 1j * points[..., 1] for points in (landmarks, template))
    middle, target = spots.mean(axis=1, keepdims=True), wanted.mean()
    # In complex numbers a similarity is z -> a·z + b; this is the fit from the picture to the template.
    into = ((spots - middle).conj() * (wanted - target)).sum(axis=1) / (abs(spots - middle) ** 2).sum(axis=1)
    turn = 1 / into
    shift = middle[:, 0] - turn * target
    rows = np.stack([turn.real, -turn.imag, shift.real, turn.imag, turn.real, shift.imag], axis=1)
    return rows.reshape(-1, 2, 3).astype(np.float32)


def warped(picture: U8, matrix: F32, side: int) -> U8:
    """(side, side, 3) pixels of the picture (H, W, 3), each from the place to which the matrix (2, 3) takes its own."""
    # Pixels of the averaged picture per pixel of the crop: 1.3 at most.
    factor = max(1, round(float(np.hypot(matrix[0, 0], matrix[1, 0])) + 0.2))
    part, origin = _around(picture, matrix, side, factor)
    columns, rows = np.meshgrid(*[np.arange(side, dtype=np.float32)] * 2)
    places = (m[0] * columns + m[1] * rows + m[2] for m in matrix)
    x, y = ((place - start + 0.5) / factor - 0.5 for place, start in zip(places, origin, strict=True))
    pixels: U8 = np.rint(_between(reduced(part, factor), x, y)).astype(np.uint8)
    return pixels


def reduced(picture: U8, factor: int) -> F32:
    """The picture (H, W, 3) averaged over squares of `factor` pixels; those over its right and lower edge count as black there."""
    if factor == 1:
        return picture.astype(np.float32)
    height, width = picture.shape[:2]
    padded = np.pad(picture, ((0, -height % factor), (0, -width % factor), (0, 0)))
    squares = padded.reshape(padded.shape[0] // factor, factor, padded.shape[1] // factor, factor, 3)
    means: F32 = squares.mean(axis=(1, 3), dtype=np.float32)
    return means


def _around(picture: U8, matrix: F32, side: int, margin: int) -> tuple[U8, tuple[int, int]]:
    """The part of the picture that the crop lies in with a margin, and the x, y of its first pixel; one pixel at least."""
    corners = np.array([[x, y, 1] for x in (-1, side) for y in (-1, side)]) @ matrix.T
    limits = picture.shape[1], picture.shape[0]
    low = [
        int(np.clip(np.floor(v) - margin, 0, limit - 1)) for v, limit in zip(corners.min(axis=0), limits, strict=True)
    ]
    high = [
        int(np.clip(np.ceil(v) + margin + 1, start + 1, limit))
        for v, start, limit in zip(corners.max(axis=0), low, limits, strict=True)
    ]
    return picture[low[1] : high[1], low[0] : high[0]], (low[0], low[1])


def _between(picture: F32, x: F32, y: F32) -> NDArray[np.float64]:
    """(..., 3) values of the picture (H, W, 3) at x and y (...), linear between pixel centres; black beyond the edges."""
    framed = np.pad(picture, ((1, 1), (1, 1), (0, 0)))
    x, y = (np.clip(v, -1, limit) + 1 for v, limit in ((x, picture.shape[1]), (y, picture.shape[0])))
    left, top = np.minimum(x, picture.shape[1]).astype(np.intp), np.minimum(y, picture.shape[0]).astype(np.intp)
    right, down = x - left, y - top
    place, wide = top * framed.shape[1] + left, framed.shape[1]
    mixed = np.empty((*place.shape, framed.shape[2]))
    for channel in range(framed.shape[2]):
        # Plane by plane weights and pixels lie side by side: half the time.
        plane = framed[..., channel].ravel()
        upper, lower = (plane.take(at) * (1 - right) + plane.take(at + 1) * right for at in (place, place + wide))
        mixed[..., channel] = upper * (1 - down) + lower * down
    return mixed
