"""Pictures as the numbers that models are fed: written once, into memory that each thread keeps.

Arrays of megabytes that come and go with every frame cost as much as the arithmetic: the system clears their pages each time.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from pipeline.media.types import F32, U8

KEPT = 8
"""Arrays that a thread keeps: one for each shape that the models of a pass are fed, which are few."""
KEPT_BYTES = 24 << 20
"""Bytes of them all: what the models of a pass are fed with frames of 16:9 is 13 MiB. Workers for images on a GPU have 16 threads."""
LARGEST = 1 << 21
"""Numbers of the largest that is kept; those of still pictures may be many times as large, and seldom alike."""
RGB, BGR = (0, 1, 2), (2, 1, 0)

_mine = threading.local()


def kept(shape: tuple[int, ...]) -> F32:
    """An array of this shape, the thread's own, to be filled: whatever it held before is void, and its next use makes it void again."""
    if np.prod(shape) > LARGEST:
        return np.empty(shape, np.float32)
    arrays: OrderedDict[tuple[int, ...], F32] = _mine.__dict__.setdefault("arrays", OrderedDict())
    array = arrays.pop(shape, None)
    arrays[shape] = np.empty(shape, np.float32) if array is None else array
    while len(arrays) > KEPT or sum(each.nbytes for each in arrays.values()) > KEPT_BYTES:
        arrays.popitem(last=False)
    return arrays[shape]


def planes(pictures: Sequence[U8], order: tuple[int, int, int] = RGB) -> F32:
    """(N, 3, H, W) channels of pictures (H, W, 3) of one size in this order, 0 to 255; a `kept` array."""
    filled = kept((len(pictures), 3, *pictures[0].shape[:2]))
    for picture, into in zip(pictures, filled, strict=True):
        split(picture, into, order)
    return filled


def split(picture: U8, into: F32, order: tuple[int, int, int] = RGB) -> None:
    """Writes the channels of a picture (H, W, 3) into (3, H, W)."""
    for plane, channel in zip(into, order, strict=True):
        plane[...] = picture[..., channel]


def scaled(planes: F32, factors: F32, offsets: F32) -> F32:
    """The planes (N, 3, H, W), changed in place: each channel times its factor, less its offset."""
    for picture in planes:
        for plane, factor, offset in zip(picture, factors, offsets, strict=True):
            np.multiply(plane, factor, out=plane)
            np.subtract(plane, offset, out=plane)
    return planes


def stacked(pictures: Sequence[U8]) -> U8:
    """(N, ...) the arrays, of one shape, as one; nothing is copied where there is but one."""
    return pictures[0][None] if len(pictures) == 1 else np.stack(pictures)
