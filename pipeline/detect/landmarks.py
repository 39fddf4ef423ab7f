"""Landmarks of known faces found again, more exactly: in upright crops in which every face has the size that suits the detector.

YuNet's landmarks move by some percent of the face from size to size; the mean of several looks is steadier.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.detect.alignment import SIDE, TEMPLATE, similarities, warped
from pipeline.detect.faces import corners, grid, points, scored
from pipeline.media.types import F32, U8
from pipeline.models.types import Session

LOOKS = ((128, 80), (192, 120))
SCORE_FLOOR = 0.5
REACH = 0.35


@dataclass(frozen=True, slots=True)
class LandmarkFinder:
    """Finds five landmarks again with YuNet.

    Attributes:
        session: The model `faces.MODEL`.
        looks: Sides in pixels, multiples of 32, of the upright crops that are looked at, and of the aligned face inside each.
    """

    session: Session
    looks: Sequence[tuple[int, int]] = LOOKS

    def found(self, picture: U8, spots: F32) -> F32:
        """(N, 5, 2) the means of the landmarks given and of those found in each look; in pixels of the picture (H, W, 3)."""
        if not len(spots):
            return spots
        means: F32 = np.mean([spots, *(self._look(picture, spots, *look) for look in self.looks)], axis=0)
        return means.astype(np.float32)

    def _look(self, picture: U8, spots: F32, side: int, face: int) -> F32:
        """(N, 5, 2) landmarks in pixels of the picture; those given where no face is found in the crop."""
        template = ((TEMPLATE + 0.5) * face / SIDE + (side - face) / 2 - 0.5).astype(np.float32)
        matrices = similarities(spots, template)
        planes = np.stack([warped(picture, matrix, side).transpose(2, 0, 1)[::-1] for matrix in matrices])
        heads = self.session.run({"input": planes.astype(np.float32)})
        classes, objects, boxes, offsets = (np.concatenate(heads[k : k + 3], axis=1) for k in (0, 3, 6, 9))
        cells = grid((side, side))
        again = spots.copy()
        for row, scores in enumerate(scored(classes, objects)[..., 0]):
            ends = corners(boxes[row], cells)
            middles = (ends[:, :2] + ends[:, 2:]) / 2 - 0.5
            scores[np.linalg.norm(middles - template.mean(axis=0), axis=1) > REACH * face] = 0
            best = scores.argmax()
            if scores[best] >= SCORE_FLOOR:
                place = points(offsets[row, best : best + 1], cells[best : best + 1])[0] - 0.5
                again[row] = place @ matrices[row, :, :2].T + matrices[row, :, 2]
        return again
