"""Objects of the COCO classes with PicoDet.

Source: Yu et al., "PP-PicoDet: A Better Real-Time Object Detector on Mobile Devices", 2021 (arXiv 2111.00902); suppression and
normalisation as in the `infer_cfg.yml` and the graph published with the weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pipeline.detect.boxes import Size, entries, input_size, inside, nms, ratios
from pipeline.detect.planes import planes, scaled
from pipeline.detect.types import Detections
from pipeline.media.types import F32, I64, U8, Frame
from pipeline.models.types import Session

MODEL = "objects-picodet-s"
STRIDES = (8, 16, 32, 64)
PIXELS = 640 * 512
OVERLAP = 0.6
SCORE_FLOOR = 0.1
CANDIDATES = 400
KEPT = 100
PERSON = 0
"""COCO's class of people."""
MEAN = np.array([0.485, 0.456, 0.406], np.float32) * 255
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32) * 255
_FACTORS: F32 = np.float32(1) / DEVIATION
_OFFSETS: F32 = MEAN / DEVIATION


def normalised(pictures: Sequence[U8]) -> F32:
    """(N, 3, H, W) planes in memory that the thread's next call of this shape overwrites (`planes.kept`).

    ImageNet's mean and deviation are taken out of pictures (H, W, 3) of RGB.
    """
    return scaled(planes(pictures), _FACTORS, _OFFSETS)


@lru_cache(maxsize=8)
def centres(size: Size) -> F32:
    """(cells, 3): x, y in strides, and the stride, of every cell of a picture of `size` (width, height), finest stride first."""
    grids = []
    for stride in STRIDES:
        rows, columns = np.mgrid[: -(-size[1] // stride), : -(-size[0] // stride)].reshape(2, -1)
        grids.append(np.stack([columns + 0.5, rows + 0.5, np.full(len(rows), stride)], axis=1))
    return np.concatenate(grids).astype(np.float32)


def corners(distances: F32, cells: F32) -> F32:
    """(N, 4) corners in input pixels from distances left, top, right, bottom (N, 4) and `centres` rows (N, 3)."""
    low, high = cells[:, :2] - distances[:, :2], cells[:, :2] + distances[:, 2:]
    return np.concatenate([low, high], axis=1) * cells[:, 2:]


@dataclass(frozen=True, slots=True)
class ObjectDetector:
    """Boxes, scores and COCO-80 classes (0 = person) of the objects in whole frames.

    Attributes:
        session: The model.
        batch: Frames per call of `detect`, at most.
        pixels: Pixels of the model's input; the frame's aspect decides the shape.
        floor: Detections below this score are dropped.
    """

    session: Session
    batch: int = 1
    pixels: int = PIXELS
    floor: float = SCORE_FLOOR

    def prepare(self, frame: Frame) -> U8:
        """(H, W, 3) RGB of the stretched frame: a quarter of the bytes that the model's numbers take while they wait."""
        return frame.rgb(*input_size(frame.aspect, self.pixels, STRIDES[-1]))

    def detect(self, prepared: Sequence[U8]) -> Sequence[Detections]:
        """One answer per prepared frame, best first."""
        scores, *strides = self.session.run({"image": normalised(prepared)})
        distances = np.concatenate([s.reshape(len(prepared), -1, 4) for s in strides], axis=1)
        size = (prepared[0].shape[1], prepared[0].shape[0])
        cells = centres(size)
        return [self._answer(s, d, cells, size) for s, d in zip(scores, distances, strict=True)]

    def _answer(self, scores: F32, distances: F32, cells: F32, size: Size) -> Detections:
        classes, places, best = _candidates(scores, self.floor)
        found = inside(corners(distances[places], cells[places]), size)
        kept = nms(found, best, OVERLAP, classes)[:KEPT]
        return Detections(np.clip(ratios(found[kept], size), 0, 1), best[kept], classes[kept])


def _candidates(scores: F32, floor: float) -> tuple[I64, I64, F32]:
    """Classes, cells and scores (N,) of the best entries of (classes, cells) at or above the floor."""
    classes, places = entries(scores >= floor)
    values = scores[classes, places]
    best = np.argsort(-values, kind="stable")[:CANDIDATES]
    return classes[best].astype(np.int64), places[best].astype(np.int64), values[best].astype(np.float32)
