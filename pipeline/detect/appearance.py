"""How people look: colours of their upper body, hips and legs, and a small picture of the whole scene.

Each band of a person's box is described by a histogram of luma and one of chroma; pixels in the middle columns weigh more, since the
box's edges show what is behind the person. Square roots of shares make the scalar product the Bhattacharyya coefficient, and colours fall
into neighbouring bins by linear parts, so that small changes of light change little.

Source: Comaniciu et al., "Kernel-Based Object Tracking", PAMI 2003 (kernel-weighted histograms, Bhattacharyya coefficient);
BT.601 luma and chroma.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from pipeline.detect.boxes import corners_of, picture_size
from pipeline.detect.objects import PERSON
from pipeline.detect.types import Appearances, Detections, Joined
from pipeline.media.types import F32, U8, Frame

FLOOR = 0.3
"""People detected with a lower score are not looked at: they are too often none."""
BANDS = (0.12, 0.36, 0.58, 0.9)
"""Limits of upper body, hips and legs, as shares of the box's height from its top."""
SPOTS = (12, 16)
"""Rows per band and columns of the grid on which a box is looked at."""
LUMA_BINS, CHROMA_BINS = 8, 6
CHROMA_REACH = 48.0
"""Chroma beyond this is as colourful as clothes in videos get."""
SIZE = (len(BANDS) - 1) * (LUMA_BINS + CHROMA_BINS**2)
SCENE = (48, 32)
"""Width and height of the picture of the scene."""
TO_YUV = np.array([[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]], np.float32)


@dataclass(frozen=True, slots=True)
class AppearanceDetector:
    """`Appearances` of the people that the object detector found; fed `Joined` pictures and `Detections`.

    Attributes:
        batch: Frames per call of `detect`, at most.
    """

    batch: int = 1

    def prepare(self, frame: Frame) -> tuple[U8, U8]:
        """The picture, and the scene's luma (32, 48)."""
        small = frame.rgb(*SCENE) @ TO_YUV[0]
        return frame.rgb(*picture_size(frame)), small.astype(np.uint8)

    def detect(self, prepared: Sequence[Joined]) -> Sequence[Appearances]:
        """One answer per frame."""
        return [_appearances(picture, scene, found) for (picture, scene), found in prepared]


def _appearances(picture: U8, scene: U8, objects: Detections) -> Appearances:
    people = np.flatnonzero((objects.classes == PERSON) & (objects.scores >= FLOOR))
    vectors = np.zeros((len(objects.scores), SIZE), np.uint8)
    vectors[people] = histograms(picture, objects.boxes[people])
    return Appearances(vectors, scene)


def histograms(picture: U8, boxes: F32) -> U8:
    """(N, SIZE) roots of shares of colours in boxes (N, 4, ratios) of a picture (H, W, 3); per band 255 stands for a length of 1."""
    if not len(boxes):
        return np.zeros((0, SIZE), np.uint8)
    pixels: F32 = _spots(picture, boxes).astype(np.float32) @ TO_YUV.T
    rows, columns = SPOTS
    bands = pixels.reshape(len(boxes) * (len(BANDS) - 1), rows * columns, 3)
    weights: F32 = np.tile(1 - np.linspace(-0.9, 0.9, columns, dtype=np.float32) ** 2, rows)
    luma = _shares(bands[:, :, :1] * np.float32((LUMA_BINS - 1) / 255), weights, LUMA_BINS)
    chroma = np.clip(bands[:, :, 1:] / CHROMA_REACH, -1, 1)
    colours = _shares((chroma + 1) / 2 * (CHROMA_BINS - 1), weights, CHROMA_BINS)
    roots = np.sqrt(np.concatenate([luma, colours], axis=1) / 2)
    rounded: U8 = np.rint(roots * 255).astype(np.uint8)
    return rounded.reshape(len(boxes), SIZE)


def _spots(picture: U8, boxes: F32) -> U8:
    """(N, rows of all bands, columns, 3) pixels on a grid in every box."""
    size = (picture.shape[1], picture.shape[0])
    x0, y0, x1, y1 = (side[:, None] for side in corners_of(boxes, size).T)
    heights = np.concatenate(
        [low + (high - low) * (np.arange(SPOTS[0]) + 0.5) / SPOTS[0] for low, high in pairwise(BANDS)]
    )
    widths = (np.arange(SPOTS[1]) + 0.5) / SPOTS[1]
    rows = np.clip(y0 + (y1 - y0) * heights, 0, size[1] - 1).astype(np.int64)
    columns = np.clip(x0 + (x1 - x0) * widths, 0, size[0] - 1).astype(np.int64)
    spots: U8 = picture[rows[:, :, None], columns[:, None, :]]
    return spots


def _shares(places: F32, weights: F32, bins: int) -> F32:
    """(B, bins ** D) weighted shares of places (B, P, D), each in 0 to bins - 1 and split linearly between its neighbours."""
    count, _, axes = places.shape
    low = np.minimum(places.astype(np.int32), bins - 2)
    part: F32 = (places - low).astype(np.float32)
    total = np.zeros(count * bins**axes, np.float64)
    first = np.arange(count, dtype=np.int32)[:, None] * bins**axes
    for corner in product((0, 1), repeat=axes):
        cell, share = first, weights
        for axis, up in enumerate(corner):
            cell = cell + (low[..., axis] + up) * bins**axis
            share = share * (part[..., axis] if up else 1 - part[..., axis])
        total += np.bincount(cell.ravel(), share.ravel(), len(total))
    shares: F32 = (total.reshape(count, -1) / weights.sum()).astype(np.float32)
    return shares
