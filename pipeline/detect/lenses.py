"""Whether a face wears sunglasses: the skin below the eyes looks dark beside the cheeks, and a classifier of pictures names them.

Both must agree: shadows of brows are dark as well, and the classifier names clear glasses with bold frames too. The limits were chosen on
160 faces of photos, five of them with sunglasses; the classifier alone ranks these five among its first six.

Source: the classes sunglass and sunglasses of ImageNet-1k.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.detect.crops import crop, turned_square
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
        crops = [normalised(np.rint(crop(picture, matrix, SIDE)).astype(np.uint8)) for matrix in matrices]
        (probabilities,) = self.session.run({"x": np.stack(crops)})
        return float(probabilities[:, CLASSES].sum(axis=1).mean())
