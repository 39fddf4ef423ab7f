"""Arithmetic on boxes: overlap, non-maximum suppression, input sizes, corners to ratios."""

from math import log

import numpy as np
from numpy.typing import NDArray

from pipeline.media.types import F32, I64, Frame

Size = tuple[int, int]
TILE = 64
"""Boxes that are compared at once with all that are left, so that what is compared stays in the caches."""
WORD = 8


def intersections(first: F32, second: F32) -> F32:
    """(N, M) areas shared by corner boxes (N, 4) and (M, 4): x0, y0, x1, y1."""
    width, height = (
        np.minimum(first[:, None, axis + 2], second[None, :, axis + 2])
        - np.maximum(first[:, None, axis], second[None, :, axis])
        for axis in (0, 1)
    )
    shared: F32 = np.maximum(width, 0) * np.maximum(height, 0)
    return shared


def areas(corners: F32) -> F32:
    """(N,) areas of corner boxes; 0 for those that are inside out."""
    sides: F32 = np.prod(np.clip(corners[:, 2:] - corners[:, :2], 0, None), axis=1)
    return sides


def iou(first: F32, second: F32) -> F32:
    """(N, M) intersection over union of corner boxes (N, 4) and (M, 4)."""
    shared = intersections(first, second)
    union = areas(first)[:, None] + areas(second)[None] - shared
    ratio: F32 = shared / np.maximum(union, np.finfo(np.float32).tiny)
    return ratio


def nms(corners: F32, scores: F32, threshold: float, classes: I64 | None = None) -> I64:
    """Indices of the boxes that survive greedy non-maximum suppression, best first.

    Args:
        corners: (N, 4) x0, y0, x1, y1.
        scores: (N,).
        threshold: A box goes when a better one of its class overlaps it by more than this IoU.
        classes: (N,); absent: all boxes are of one class.
    """
    left = np.argsort(-scores, kind="stable")
    survivors: list[NDArray[np.intp]] = [left[:0]]
    while len(left):
        clash = iou(corners[left[:TILE]], corners[left]) > threshold
        if classes is not None:
            clash &= classes[left[:TILE]][:, None] == classes[left][None]
        alive = _alive(clash)
        survivors.append(left[:TILE][alive[:TILE]])
        left = left[TILE:][alive[TILE:]]
    return np.concatenate(survivors).astype(np.int64)


def _alive(clash: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N,) which boxes, best first, are left by the best M of them, of which (M, N) tells whom they clash with."""
    alive = np.ones(clash.shape[1], bool)
    later: NDArray[np.bool_] = np.tri(*clash.shape, dtype=np.bool_) == 0
    clash = clash & later
    for rank in np.flatnonzero(clash.any(axis=1)):
        if alive[rank]:
            alive &= ~clash[rank]
    return alive


def entries(flags: NDArray[np.bool_]) -> tuple[I64, I64]:
    """Rows and columns (N,) of the true entries of a contiguous matrix, row by row: `numpy.nonzero` where next to none are true.

    It looks at eight entries at once, and once more at those among which one is true.
    """
    flat = flags.reshape(-1)
    whole = len(flat) // WORD * WORD
    words = np.flatnonzero(flat[:whole].view(np.uint64))
    near = (words[:, None] * WORD + np.arange(WORD)).ravel()
    places = np.concatenate([near[flat[near]], whole + np.flatnonzero(flat[whole:])])
    rows, columns = np.divmod(places, max(flags.shape[1], 1))
    return rows.astype(np.int64), columns.astype(np.int64)


def ratios(corners: F32, size: Size) -> F32:
    """(N, 4) left, top, width, height as ratios of a picture of `size` (width, height) from corners in its pixels."""
    scale = np.array([*size, *size], np.float32)
    scaled = corners / scale
    return np.concatenate([scaled[:, :2], scaled[:, 2:] - scaled[:, :2]], axis=1).astype(np.float32)


def corners_of(boxes: F32, size: Size = (1, 1)) -> F32:
    """(N, 4) corners in pixels of a picture of `size` (width, height) from left, top, width, height as ratios."""
    scale = np.array([*size, *size], np.float32)
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1) * scale


def inside(corners: F32, size: Size) -> F32:
    """The corners moved into a picture of `size` (width, height)."""
    return np.clip(corners, 0, np.array([*size, *size], np.float32))


def input_size(aspect: float, pixels: int, step: int) -> Size:
    """(width, height), multiples of `step`, of about `pixels` pixels and nearest to the aspect; one of few shapes.

    The whole picture is stretched into it, by a tenth at most for the usual aspects, instead of being padded.
    """
    aspect = min(max(aspect, 1 / 3), 3.0)
    ideal = (pixels * aspect) ** 0.5
    widths = {max(step, int(ideal // step + k) * step) for k in (0, 1)}
    sizes = {(w, max(step, int(w / aspect // step + k) * step)) for w in widths for k in (0, 1)}
    fitting = [size for size in sizes if size[0] * size[1] <= pixels * 1.1] or [min(sizes)]
    return min(
        fitting,
        key=lambda size: (abs(log(size[0] / size[1] / aspect)) + abs(log(size[0] * size[1] / pixels)) / 4, size),
    )


PICTURE_SIDE = 1280


def picture_size(frame: Frame) -> Size:
    """(width, height) at which crops are cut out of a frame: square pixels, as stored or down to `PICTURE_SIDE` on the long side.

    All detectors that cut crops ask for this size, so that the picture is scaled once for all of them.
    """
    height = min(frame.height, PICTURE_SIDE, PICTURE_SIDE / frame.aspect)
    return max(1, round(height * frame.aspect)), max(1, round(height))
