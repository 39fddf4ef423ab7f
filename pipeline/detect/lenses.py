"""Whether a face wears glasses, and whether they are dark.

Glasses: a frame's bridge crosses the nose between the eyes as a line, where skin is smooth. Its strength is the largest second
difference, over the luma there, of the rows' means. The limit was chosen on 81 faces of photos: all 14 with glasses and 6 of the 67
without lie above it. Of 18 faces in four other photos 5 of the 6 with glasses did, and 2 of the 12 without. Hard light and fringes
mislead it.

Sunglasses: the skin below the eyes looks dark beside the cheeks, and a classifier of pictures names them. Both must agree: shadows of
brows are dark as well, and the classifier names clear glasses with bold frames too. The limits were chosen on 160 faces of photos, five of
them with sunglasses; the classifier alone ranks these five among its first six.

Source: Jiang et al., "Towards detection of glasses in facial images", Pattern Analysis and Applications 2000, for the bridge; the classes
sunglass and sunglasses of ImageNet-1k.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.detect.alignment import similarities
from pipeline.detect.crops import crop, moved, turned_square
from pipeline.detect.objects import normalised
from pipeline.detect.quality import LUMA
from pipeline.media.types import F32, U8
from pipeline.models.types import Session

CLASSES = [836, 837]
SIDE, ROOMS = 224, (1.0, 1.5, 2.0)
"""Sides of the crops in sides of the face's box; the classifier's mean over them counts."""
NAMED, NAMED_SLOPE = 0.06, 1.5
DARK, DARK_WIDTH = 0.45, 0.08
WORTH_A_LOOK = 0.3
"""Share of belief in darkness below which the classifier is not asked."""

BELOW_EYES = [23, 24, 22, 26, 110, 253, 254, 252, 256, 339]
CHEEKS = [50, 280, 205, 425, 101, 330, 36, 266, 118, 347]


EYE_CORNERS = [33, 263]
EYES_SIDE, EYES_TEMPLATE = 64, np.array([[12, 24], [52, 24]], np.float32)
"""A crop in which the outer corners of the eyes are 40 pixels apart: the bridge of a frame is about two thick."""
INNER_CORNERS, INNER_BROWS, NOSE = [133, 362], [55, 285], 195
LINE, LINE_SLOPE = 0.06, 2.5


def bridged(picture: U8, points: F32) -> F32:
    """(N,) shares of belief, 0 to 1, that faces with meshes (N, 478, 3) in a picture (H, W, 3) wear glasses."""
    matrices = similarities(points[:, EYE_CORNERS, :2], EYES_TEMPLATE)
    pairs = zip(points, matrices, strict=True)
    lines = [line(crop(picture, matrix, EYES_SIDE) @ LUMA, _inverse(face, matrix)) for face, matrix in pairs]
    strength = np.maximum(np.array(lines), 1e-6)
    shares: F32 = (1 / (1 + (LINE / strength) ** LINE_SLOPE)).astype(np.float32)
    return shares


def line(luma: F32, spots: F32) -> float:
    """Strength of the strongest line across the nose in a crop (H, W) of luma with the mesh's points (478, 2); a share of the luma."""
    left, right = spots[INNER_CORNERS, 0]
    width, middle = (right - left) / 4, (right + left) / 2
    top, bottom = spots[INNER_BROWS, 1].mean(), spots[NOSE, 1]
    rows, columns = _span(top - 1, bottom + 1, len(luma)), _span(middle - width, middle + width, luma.shape[1])
    patch = luma[rows, columns]
    if patch.shape[0] < 3 or patch.shape[1] < 1:
        return 0.0
    means = patch.mean(axis=1)
    return float(np.abs(np.diff(means, 2)).max() / max(float(np.median(patch)), 10.0))


def _inverse(face: F32, matrix: F32) -> F32:
    """(478, 2) points of the picture in pixels of the crop."""
    turn = np.linalg.inv(matrix[:, :2])
    return moved(face[:, :2], np.column_stack([turn, -turn @ matrix[:, 2]]))


def _span(low: float, high: float, limit: int) -> slice:
    return slice(max(0, round(float(low))), min(limit, round(float(high)) + 1))


def lightness(picture: U8, points: F32) -> F32:
    """(N,) luma below the eyes over that of the cheeks, of the faces with meshes (N, 478, 3) in a picture (H, W, 3)."""
    limits = np.array(picture.shape[1::-1]) - 1
    places = np.clip(np.rint(points[..., :2]).astype(int), 0, limits)
    luma = [np.median(picture[places[:, ids, 1], places[:, ids, 0]] @ LUMA, axis=1) for ids in (BELOW_EYES, CHEEKS)]
    ratio: F32 = (luma[0] / np.maximum(luma[1], 1)).astype(np.float32)
    return ratio


@dataclass(frozen=True, slots=True)
class SunglassesJudge:
    """Shares of belief, 0 to 1, that faces wear sunglasses.

    Attributes:
        session: The classifier `tags.MODEL`.
    """

    session: Session

    def judged(self, picture: U8, squares: F32, points: F32) -> F32:
        """(N,) of faces with squares (N, 4) x, y, side, roll and meshes (N, 478, 3)."""
        shares = 1 / (1 + np.exp((lightness(picture, points) - DARK) / DARK_WIDTH))
        for row in np.flatnonzero(shares >= WORTH_A_LOOK):
            named = np.log(max(self._named(picture, squares[row]), 1e-6) / NAMED) * NAMED_SLOPE
            shares[row] = min(shares[row], 1 / (1 + np.exp(-named)))
        found: F32 = shares.astype(np.float32)
        return found

    def _named(self, picture: U8, square: F32) -> float:
        """The classifier's mean probability of sunglasses."""
        matrices = [turned_square(square[:2], float(square[2]) * room, float(square[3]), SIDE) for room in ROOMS]
        crops = [np.rint(crop(picture, matrix, SIDE)).astype(np.uint8) for matrix in matrices]
        (probabilities,) = self.session.run({"x": normalised(crops)})
        return float(probabilities[:, CLASSES].sum(axis=1).mean())
