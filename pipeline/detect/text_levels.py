"""Where text is in still pictures: unlike frames of videos they are looked at in several sizes, up to all their pixels.

The detector sees letters of ten to a hundred pixels. In the smallest size large letters are found, in the largest small print.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from pipeline.detect.boxes import Size
from pipeline.detect.rectangles import F64, SIZES, Rectangle, joined
from pipeline.detect.text_boxes import PIXELS, STEP, normalised, rectangles
from pipeline.media.types import F32, U8, Frame
from pipeline.models.types import Session

MOST_PIXELS = 4096 * 4096
"""Of the picture that lines are cut out of; a page scanned at 300 dots an inch has half of them."""
LARGEST = 2560 * 2560
"""Pixels of the largest size that is looked at. Of 276 words drawn 8 to 16 pixels high into pictures of 12 million, as many were read with
it as with all pixels, but for one, in half the time; with 4 million pixels ten less."""
GROWTH = 2.0
"""From one size to the next, in width."""
CLOSE = 1.2
"""A size so close to the one before shows nothing new."""
TILE = 960
MARGIN = 96
"""Pixels at the edges of tiles that are left to the neighbours, which see what is beyond."""
IDEAL = 32.0
"""Height of a line in pixels at which a box is believed before those of other sizes."""
COVERED = 0.5
"""A box of which so much lies in better ones says nothing new."""
LONGER = 1.1
"""A box of a line's part is shorter at least by this ratio."""
ALONG, ACROSS = 24, 5
"""Points of a box at which it is asked whether others cover it."""
MIDDLE = 0.5
"""Share of a box's height in which these points are: boxes of small letters are loose, those of neighbouring lines may touch."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A line of text in one of the sizes.

    Attributes:
        rectangle: Where, in pixels of the whole picture.
        height: In pixels of the size in which it was found.
    """

    rectangle: Rectangle
    height: float

    @property
    def doubt(self) -> float:
        """How far from the ideal height it was found; 0: not at all."""
        return abs(float(np.log(self.height / IDEAL)))


def picture_pixels(frame: Frame) -> Size:
    """(width, height) of the picture that lines are cut out of: as stored, or down to `MOST_PIXELS`."""
    return _within(frame, MOST_PIXELS)


def sizes(frame: Frame) -> list[Size]:
    """(width, height) of the sizes that are looked at, smallest first; the smallest is about that of frames of videos."""
    width, height = _within(frame, LARGEST)
    scales = [1.0]
    smallest = min(1.0, (PIXELS / (width * height)) ** 0.5)
    while scales[-1] > smallest * CLOSE:
        scales.append(max(scales[-1] / GROWTH, smallest))
    if scales[-1] != smallest:
        scales[-1] = smallest
    return [(_stepped(width * scale), _stepped(height * scale)) for scale in reversed(scales)]


def _within(frame: Frame, pixels: int) -> Size:
    """(width, height) of the frame, or of as many pixels."""
    shrunk = min(1.0, (pixels / (frame.width * frame.height)) ** 0.5)
    return max(1, round(frame.width * shrunk)), max(1, round(frame.height * shrunk))


def _stepped(side: float) -> int:
    return max(STEP, round(side / STEP) * STEP)


def text_quads(session: Session, frame: Frame) -> list[F32]:
    """(4, 2) float32 corners of lines in pixels of `picture_pixels`, clockwise from the top left."""
    whole = np.array(picture_pixels(frame), float)
    candidates = [one for size in sizes(frame) for one in _candidates(session, frame.rgb(*size), whole)]
    return [np.clip(one.corners(), 0, whole).astype(np.float32) for one in distinct(candidates)]


def _candidates(session: Session, pixels: U8, whole: F64) -> Iterator[Candidate]:
    found = joined(list(rectangles(chances(session, pixels))))
    scale = whole / np.array(pixels.shape[1::-1], float)
    mean = float(np.sqrt(np.prod(scale)))
    for rectangle, _ in found:
        there = Rectangle(rectangle.centre * scale, rectangle.axes, rectangle.half * mean)
        yield Candidate(there, float(2 * rectangle.half.min()))


def chances(session: Session, pixels: U8) -> F32:
    """(H, W) probability that a pixel of the picture (H, W, 3), sides multiples of 32, is the core of a line."""
    height, width = pixels.shape[:2]
    if height * width <= TILE * TILE:
        (maps,) = session.run({"x": normalised([pixels])})
        return np.asarray(maps[0, 0], np.float32)
    whole = np.zeros((height, width), np.float32)
    for top, left in product(_starts(height), _starts(width)):
        tile = pixels[top : top + TILE, left : left + TILE]
        (maps,) = session.run({"x": normalised([tile])})
        rows, columns = _inner(top, tile.shape[0], height), _inner(left, tile.shape[1], width)
        place = whole[top : top + TILE, left : left + TILE][rows, columns]
        np.maximum(place, maps[0, 0][rows, columns], out=place)
    return whole


def _starts(side: int) -> list[int]:
    """Where tiles begin, so that they overlap by both margins at least."""
    if side <= TILE:
        return [0]
    count = -(-(side - 2 * MARGIN) // (TILE - 2 * MARGIN))
    return [round(k * (side - TILE) / (count - 1)) for k in range(count)]


def _inner(start: int, length: int, side: int) -> slice:
    """What of a tile is believed: all but the margins, which stay at the edges of the picture."""
    return slice(MARGIN if start else 0, length - (MARGIN if start + length < side else 0))


def distinct(candidates: Sequence[Candidate]) -> list[Rectangle]:
    """The boxes: of several of one line the longest, else the one that was found nearest to the ideal height."""
    kept: dict[int, Rectangle] = {}
    limits = np.array([_limit(one.rectangle) for one in candidates]).reshape(-1, 4)
    for number in sorted(range(len(candidates)), key=lambda k: candidates[k].doubt):
        rectangle = candidates[number].rectangle
        near = {k: kept[k] for k in _meeting(limits[number], limits) if k in kept}
        parts = [k for k, other in near.items() if _is_part(other, rectangle)]
        if _covered(rectangle, [other for k, other in near.items() if k not in parts]) <= COVERED:
            kept[number] = rectangle
            for part in parts:
                del kept[part]
    return list(kept.values())


def _is_part(part: Rectangle, line: Rectangle) -> bool:
    """Whether a box frames a part of the line that another one frames."""
    alike = max(part.half.min(), line.half.min()) <= SIZES * min(part.half.min(), line.half.min())
    return bool(alike and line.half.max() > LONGER * part.half.max() and _covered(part, [line]) > COVERED)


def _limit(rectangle: Rectangle) -> F64:
    """The upright box around it: x0, y0, x1, y1."""
    corners = rectangle.corners()
    return np.concatenate([corners.min(axis=0), corners.max(axis=0)])


def _meeting(limit: F64, limits: F64) -> list[int]:
    """Which of the upright boxes x0, y0, x1, y1 share something with one."""
    apart = (limits[:, :2] >= limit[2:]).any(axis=1) | (limits[:, 2:] <= limit[:2]).any(axis=1)
    return [int(k) for k in np.flatnonzero(~apart)]


def _covered(rectangle: Rectangle, others: Sequence[Rectangle]) -> float:
    """At what share of the rectangle's length, 0 to 1, any of the others reaches into its middle, where its letters are."""
    if not others:
        return 0.0
    long, short = (1, 0) if rectangle.half[1] > rectangle.half[0] else (0, 1)
    along, across = np.linspace(-1, 1, ALONG)[:, None], np.linspace(-MIDDLE, MIDDLE, ACROSS)[:, None]
    ahead, aside = (rectangle.axes[axis] * rectangle.half[axis] for axis in (long, short))
    points = rectangle.centre + (along * ahead)[:, None] + (across * aside)[None]
    inside = np.any([other.covers(points) for other in others], axis=0)
    return float(inside.any(axis=1).mean())
