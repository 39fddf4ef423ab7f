"""Faces with YuNet: boxes, five landmarks, pose and quality.

Source: Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 2023; decoding and the
suppression threshold as in OpenCV's FaceDetectorYN.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pipeline.detect.boxes import Size, input_size, nms, ratios
from pipeline.detect.planes import BGR, planes
from pipeline.detect.pose import poses
from pipeline.detect.quality import qualities
from pipeline.detect.types import Faces
from pipeline.media.types import F32, U8, Frame
from pipeline.models.types import Session

MODEL = "face-yunet"
STRIDES = (8, 16, 32)
PIXELS = 640 * 448
OVERLAP = 0.3
SCORE_FLOOR = 0.7
CANDIDATES = 1000


@lru_cache(maxsize=8)
def grid(size: Size) -> F32:
    """(cells, 3): left edge, top edge and side of every cell of a picture of `size` (width, height), finest stride first."""
    parts = []
    for stride in STRIDES:
        rows, columns = np.mgrid[: size[1] // stride, : size[0] // stride].reshape(2, -1) * stride
        parts.append(np.stack([columns, rows, np.full(len(rows), stride)], axis=1))
    return np.concatenate(parts).astype(np.float32)


def corners(offsets: F32, cells: F32) -> F32:
    """(N, 4) corners in input pixels from the box head (N, 4): centre in strides from the cell's edge, log of the sides in strides."""
    middle = cells[:, :2] + offsets[:, :2] * cells[:, 2:]
    half = np.exp(offsets[:, 2:]) * cells[:, 2:] / 2
    return np.concatenate([middle - half, middle + half], axis=1)


def points(offsets: F32, cells: F32) -> F32:
    """(N, 5, 2) landmarks in input pixels from the landmark head (N, 10): strides from the cell's edge."""
    return offsets.reshape(-1, 5, 2) * cells[:, None, 2:] + cells[:, None, :2]


def scored(classes: F32, objects: F32) -> F32:
    """Score 0 to 1: the geometric mean of "is a face" and "is centred here"."""
    mean: F32 = np.sqrt(np.clip(classes, 0, 1) * np.clip(objects, 0, 1))
    return mean


@dataclass(frozen=True, slots=True)
class Prepared:
    """A frame made ready.

    Attributes:
        pixels: (H, W, 3) RGB of the stretched frame, sides multiples of 32.
        aspect: Width over height as a viewer sees the frame.
    """

    pixels: U8
    aspect: float


@dataclass(frozen=True, slots=True)
class FaceDetector:
    """Faces of whole frames, largest first.

    Attributes:
        session: The model.
        batch: Frames per call of `detect`, at most.
        pixels: Pixels of the model's input; the frame's aspect decides the shape.
        floor: Faces below this score are dropped.
    """

    session: Session
    batch: int = 1
    pixels: int = PIXELS
    floor: float = SCORE_FLOOR

    def prepare(self, frame: Frame) -> Prepared:
        """The stretched frame."""
        return Prepared(frame.rgb(*input_size(frame.aspect, self.pixels, STRIDES[-1])), frame.aspect)

    def detect(self, prepared: Sequence[Prepared]) -> Sequence[Faces]:
        """One answer per prepared frame."""
        heads = self.session.run({"input": planes([p.pixels for p in prepared], BGR)})
        classes, objects, boxes, landmarks = (np.concatenate(heads[k : k + 3], axis=1) for k in (0, 3, 6, 9))
        scores = scored(classes, objects)[..., 0]
        return [self._answer(*parts) for parts in zip(prepared, scores, boxes, landmarks, strict=True)]

    def _answer(self, prepared: Prepared, scores: F32, boxes: F32, landmarks: F32) -> Faces:
        size = (prepared.pixels.shape[1], prepared.pixels.shape[0])
        places = np.flatnonzero(scores >= self.floor)
        places = places[np.argsort(-scores[places], kind="stable")[:CANDIDATES]]
        found, cells = corners(boxes[places], grid(size)[places]), grid(size)[places]
        kept = nms(found, scores[places], OVERLAP)
        sides = found[kept, 2:] - found[kept, :2]
        kept = kept[np.argsort(-np.prod(sides, axis=1), kind="stable")]
        spots = points(landmarks[places][kept], cells[kept])
        square = np.array([prepared.aspect * size[1] / size[0], 1], np.float32)
        return Faces(
            boxes=ratios(found[kept], size),
            scores=scores[places][kept].astype(np.float32),
            landmarks=(spots / np.array(size, np.float32)).astype(np.float32),
            pose=poses(spots * square),
            quality=qualities(prepared.pixels, found[kept]),
        )
