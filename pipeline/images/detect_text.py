"""DetectText: lines and words of an image, with all its pixels."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.aggregate.regions import Polygon, shared_area
from pipeline.aggregate.text import (
    MODEL_VERSION,
    MOST_WORDS,
    TextFilter,
    Word,
    in_reading_order,
    text_detections,
    text_filter,
    words_of,
)
from pipeline.detect import text_boxes, text_reading
from pipeline.detect.text_crops import reading
from pipeline.detect.text_levels import picture_pixels, text_quads
from pipeline.detect.text_lines import Line, read, text_lines
from pipeline.detect.types import TextLines
from pipeline.images.call import Call
from pipeline.jobs.regions import check_regions
from pipeline.media.types import F32, Frame
from pipeline.models.types import Models

GROUP = 32
"""Lines that are read before it is asked whether there are words enough."""
MOST_LINES = 400
"""That are read: where hundreds hold no word that is kept, the picture is not for reading, and has others wait."""


def answer(call: Call) -> dict[str, Any]:
    """TextDetections in reading order, lines first, and TextModelVersion.

    Raises:
        RequestError: the image or a region of interest cannot be used.
    """
    filters = call.request.get("Filters") or {}
    check_regions(filters.get("RegionsOfInterest") or (), "Filters.RegionsOfInterest")
    chosen = text_filter(filters)
    lines = text_of(call.models, call.picture().frame, chosen)
    return {"TextDetections": text_detections(lines, chosen), "TextModelVersion": MODEL_VERSION}


def text_of(models: Models, frame: Frame, chosen: TextFilter) -> TextLines:
    """The lines in reading order, as far as the words that a filter keeps are not more than are reported."""
    size = picture_pixels(frame)
    scale = np.array(size, np.float32)
    quads = ordered(text_quads(models.load(text_boxes.MODEL), frame), scale)
    wanted = [quad for quad in quads if _may_be_wanted(quad / scale, chosen.regions)][:MOST_LINES]
    reader, pixels = text_reading.Reader(models.load(text_reading.MODEL)), frame.rgb(*size)
    lines: list[Line] = []
    for begin in range(0, len(wanted), GROUP):
        lines += read(reader, pixels, wanted[begin : begin + GROUP])
        found = text_lines(lines, scale)
        if sum(chosen.keeps(word) for line in words_of(found) for word in line) >= MOST_WORDS:
            break
    return text_lines(lines, scale)


def ordered(quads: Sequence[F32], size: F32) -> list[F32]:
    """Quadrilaterals (4, 2) in pixels of a picture of that size, begun where reading begins, in the order of lines as reported."""
    lines = [[Word("", 1.0, reading(quad) / size)] for quad in quads]
    return [line[0].quad * size for line in in_reading_order(lines)]


def _may_be_wanted(quad: F32, regions: Sequence[Polygon]) -> bool:
    """Whether a part of the quadrilateral (4, 2), as ratios, lies in one of the regions."""
    corners = [(float(x), float(y)) for x, y in quad]
    return not regions or any(shared_area(region, corners) > 0 for region in regions)
