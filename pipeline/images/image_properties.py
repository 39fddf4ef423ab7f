"""The properties of an image: quality and colours of all of it, of what stands out in it and of the rest.

What stands out is the foreground; where nothing does, or everything, the image has no Foreground or no Background.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.aggregate.image_properties import color_bodies, part_body
from pipeline.detect import dominant_colors, foreground, picture_quality
from pipeline.detect.boxes import Size
from pipeline.detect.picture_quality import Area, Measured
from pipeline.media.types import U8, Frame
from pipeline.models.types import Models

EVEN = 0.5
"""From which value on a place belongs to the foreground."""
SPECK = 0.01
"""Share of the image below which a part of it is none."""
OF_A_BOX = 0.25
"""Share of a box from which on what stands out in it is the thing in it."""


class Properties:
    """An image whose properties are asked for.

    Args:
        models: The networks.
        frame: The image, upright.
        most: Colours of every part that are answered, at most.
    """

    def __init__(self, models: Models, frame: Frame, most: int) -> None:
        detector = foreground.ForegroundDetector(models.load(foreground.MODEL))
        self._standing_out = detector.detect([detector.prepare(frame)])[0] >= EVEN
        self._frame = frame
        self._most = most
        self._pixels = frame.rgb(*_size(frame, dominant_colors.SIDE))

    def body(self) -> dict[str, Any]:
        """The ImageProperties."""
        fine = self._frame.rgb(*_size(self._frame, picture_quality.SIDE))
        measured = Measured(fine)
        areas = {"Foreground": self._standing_out, "Background": ~self._standing_out}
        parts = {name: (_stretched(area, fine), _stretched(area, self._pixels)) for name, area in areas.items()}
        shown = {name: self._part(measured, *part) for name, part in parts.items() if _seen(*part)}
        return {**self._part(measured, *(np.ones(p.shape[:2], np.bool_) for p in (fine, self._pixels))), **shown}

    def colors(self, box: Mapping[str, float]) -> list[dict[str, Any]]:
        """The DominantColors of the thing in a BoundingBox."""
        rows, columns = (
            _span(box[start], box[length], pixels)
            for start, length, pixels in zip(("Top", "Left"), ("Height", "Width"), self._pixels.shape[:2], strict=True)
        )
        pixels, thing = self._pixels[rows, columns], _stretched(self._standing_out, self._pixels)[rows, columns]
        if thing.mean() < OF_A_BOX:
            thing = np.ones_like(thing)
        return color_bodies(dominant_colors.dominant_colors(pixels[thing]), self._most)

    def _part(self, measured: Measured, fine: Area, coarse: Area) -> Mapping[str, Any]:
        """The body of a part, which is an area of the pixels for quality and of those for colours."""
        colors = dominant_colors.dominant_colors(self._pixels[coarse])
        return part_body(measured.quality(fine), colors, self._most)


def _seen(*areas: Area) -> bool:
    return all(area.mean() >= SPECK for area in areas)


def _stretched(area: Area, pixels: U8) -> Area:
    """(H, W) the area over all of (H, W, 3) pixels."""
    rows, columns = ((np.arange(many) * have) // many for many, have in zip(pixels.shape[:2], area.shape, strict=True))
    stretched: Area = area[rows][:, columns]
    return stretched


def _size(frame: Frame, side: int) -> Size:
    """Width and height of the frame, made smaller so that neither exceeds `side`."""
    scale = min(1.0, side / max(frame.width, frame.height))
    return max(1, round(frame.width * scale)), max(1, round(frame.height * scale))


def _span(start: float, length: float, pixels: int) -> slice:
    """The pixels of an axis that a box covers, at least one."""
    first = min(int(start * pixels), pixels - 1)
    return slice(first, max(first + 1, round((start + length) * pixels)))
