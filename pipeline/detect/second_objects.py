"""Objects of the COCO classes with EfficientDet-Lite2: a second opinion beside PicoDet's, where there is time for one.

Source: Tan et al., "EfficientDet: Scalable and Efficient Object Detection", 2020 (arXiv 1911.09070); input and suppression as published
with the weights, except that classes are suppressed one by one, as PicoDet's are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.detect.boxes import entries, nms
from pipeline.detect.planes import stacked
from pipeline.detect.types import Detections
from pipeline.media.types import F32, I64, U8, Frame
from pipeline.models.types import Session

MODEL = "objects-efficientdet-lite2"
SIDE = 448
OVERLAP = 0.5
SCORE_FLOOR = 0.05
CANDIDATES = 1000
KEPT = 100
NEVER = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)
"""Ids among COCO's 90 categories that no picture of COCO has; without them the 80 classes are in their usual order."""
COLUMNS: I64 = np.setdiff1d(np.arange(90), np.array(NEVER) - 1).astype(np.int64)
"""Class 0 to 79 -> the network's column."""


@dataclass(frozen=True, slots=True)
class SecondObjectDetector:
    """Boxes, scores and COCO-80 classes (0 = person) of the objects in whole frames.

    Attributes:
        session: The model.
        batch: Frames per call of `detect`, at most.
        floor: Detections below this score are dropped.
    """

    session: Session
    batch: int = 1
    floor: float = SCORE_FLOOR

    def prepare(self, frame: Frame) -> U8:
        """(448, 448, 3) RGB of the stretched frame."""
        return frame.rgb(SIDE, SIDE)

    def detect(self, prepared: Sequence[U8]) -> Sequence[Detections]:
        """One answer per prepared frame, best first."""
        boxes, scores = self.session.run({"image": stacked(prepared)})
        return [self._answer(b, s) for b, s in zip(boxes, scores, strict=True)]

    def _answer(self, boxes: F32, scores: F32) -> Detections:
        places, classes, best = candidates(scores, self.floor)
        corners = np.clip(boxes[places][:, [1, 0, 3, 2]], 0, 1)
        kept = nms(corners, best, OVERLAP, classes)[:KEPT]
        found = corners[kept]
        return Detections(
            np.concatenate([found[:, :2], found[:, 2:] - found[:, :2]], axis=1), best[kept], classes[kept]
        )


def candidates(scores: F32, floor: float) -> tuple[I64, I64, F32]:
    """Boxes, COCO-80 classes and scores (N,) of the best entries of (boxes, 90 categories) at or above the floor, best first."""
    places, columns = entries(scores >= floor)
    real = np.isin(columns, COLUMNS)
    places, classes = places[real], np.searchsorted(COLUMNS, columns[real])
    values = scores[places, columns[real]]
    best = np.argsort(-values, kind="stable")[:CANDIDATES]
    return places[best].astype(np.int64), classes[best].astype(np.int64), values[best].astype(np.float32)
