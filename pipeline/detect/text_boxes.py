"""Where text is: rotated boxes of lines with PP-OCRv6's detector.

Source: Liao et al., "Real-time Scene Text Detection with Differentiable Binarization", AAAI 2020; thresholds as PaddleOCR publishes
them beside the weights (PP-OCRv6_tiny_det, inference.yml).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.detect.boxes import Size, input_size
from pipeline.detect.planes import BGR, planes, scaled
from pipeline.detect.rectangles import F64, Rectangle, joined, text_rectangle
from pipeline.detect.types import TextBoxes
from pipeline.media.types import F32, U8, Frame
from pipeline.models.types import Session

MODEL = "text-boxes-ppocrv6-tiny"
STEP = 32
PIXELS = 960 * 544
PIXEL_FLOOR = 0.2
SCORE_FLOOR = 0.4
UNCLIP = 1.4
LEAST_SIDE = 3
MOST = 1000
MOST_LINES = 200
_MEAN, _STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
_FACTORS, _OFFSETS = (1 / 255 / _STD).astype(np.float32), (_MEAN / _STD).astype(np.float32)
_NEIGHBOURS = np.ones((3, 3), bool)


def rectangles(chances: F32) -> Iterator[tuple[Rectangle, float]]:
    """Grown rectangles, in pixels, and scores of the text regions of a map (H, W) of probabilities that a pixel is the core of a line."""
    left, top, regions = _regions(chances > PIXEL_FLOOR)
    for number, (rows, columns) in enumerate(ndimage.find_objects(regions)[:MOST], 1):
        if max(rows.stop - rows.start, columns.stop - columns.start) < LEAST_SIDE:
            continue
        origin = np.array([left + columns.start, top + rows.start], float)
        found = text_rectangle(_outline(regions[rows, columns] == number) + origin)
        if 2 * found.half.min() < LEAST_SIDE:
            continue
        score = _score(chances[top:, left:][rows, columns], found, origin)
        if score >= SCORE_FLOOR:
            yield found.grown(found.unclip_distance(UNCLIP)), score


def _regions(mask: NDArray[np.bool_]) -> tuple[int, int, NDArray[np.int32]]:
    """First column and row of the part of the mask that is not empty, and the numbers of its regions in the order of their first pixels."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return 0, 0, np.zeros((1, 1), np.int32)
    top, left = int(rows[0]), int(columns[0])
    regions, _ = ndimage.label(mask[top : rows[-1] + 1, left : columns[-1] + 1], _NEIGHBOURS)
    return left, top, regions


def _outline(mask: NDArray[np.bool_]) -> F64:
    """(N, 2) corners of the outermost pixels of every row of a mask."""
    rows = np.flatnonzero(mask.any(axis=1))
    left = mask[rows].argmax(axis=1)
    right = mask.shape[1] - mask[rows, ::-1].argmax(axis=1)
    corners = np.empty((len(rows), 2, 2, 2))  # of each row: left and right, above and below, x and y
    corners[..., 0] = np.stack([left, right], axis=1)[:, :, None]
    corners[..., 1] = rows[:, None, None] + np.arange(2)
    return corners.reshape(-1, 2)


def _score(chances: F32, rectangle: Rectangle, origin: F64) -> float:
    """Mean probability inside the rectangle."""
    points = np.empty((*chances.shape, 2))
    points[..., 0] = np.arange(chances.shape[1]) + 0.5 + origin[0]
    points[..., 1] = (np.arange(chances.shape[0]) + 0.5 + origin[1])[:, None]
    inside = rectangle.covers(points)
    return float(chances[inside].mean()) if inside.any() else 0.0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A frame made ready.

    Attributes:
        pixels: (H, W, 3) RGB of the stretched frame, sides multiples of 32.
    """

    pixels: U8


def text_input(frame: Frame) -> Size:
    """(width, height) of the detector's input: about `PIXELS`; small frames are not enlarged, which finds less in them."""
    return input_size(frame.aspect, min(PIXELS, frame.width * frame.height), STEP)


@dataclass(frozen=True, slots=True)
class TextBoxDetector:
    """Lines of text of whole frames, not read yet.

    Attributes:
        session: The model.
        batch: Frames per call of `detect`, at most.
    """

    session: Session
    batch: int = 1

    def prepare(self, frame: Frame) -> Prepared:
        """The stretched frame."""
        return Prepared(frame.rgb(*text_input(frame)))

    def detect(self, prepared: Sequence[Prepared]) -> Sequence[TextBoxes]:
        """One answer per prepared frame."""
        (maps,) = self.session.run({"x": normalised([p.pixels for p in prepared])})
        return [_boxes(chances[0]) for chances in maps]


def normalised(pictures: Sequence[U8]) -> F32:
    """(N, 3, H, W) BGR in memory that the thread's next call of this shape overwrites (`planes.kept`).

    Made of pictures (H, W, 3) of RGB, normalised as the model was trained.
    """
    return scaled(planes(pictures, BGR), _FACTORS, _OFFSETS)


def _boxes(chances: F32) -> TextBoxes:
    size = np.array(chances.shape[::-1], float)
    best = sorted(joined(list(rectangles(chances))), key=lambda pair: -pair[1])[:MOST_LINES]
    found = sorted(best, key=lambda pair: (pair[0].centre[1], pair[0].centre[0]))
    corners = np.array([rectangle.corners() for rectangle, _ in found]).reshape(-1, 4, 2)
    return TextBoxes(
        quads=np.clip(corners / size, 0, 1).astype(np.float32),
        scores=np.array([score for _, score in found], np.float32),
    )
