"""Frames that are not cut from a video: picture files and arrays."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame

from pipeline.media.types import U8, ColorRange, Timestamp


@dataclass(frozen=True, slots=True)
class Still:
    """A `Frame` over one decoded picture with square pixels."""

    picture: VideoFrame
    index: int = 0

    @property
    def timestamp(self) -> Timestamp:
        return Timestamp(self.index, Fraction(1, 25))

    @property
    def width(self) -> int:
        return int(self.picture.width)

    @property
    def height(self) -> int:
        return int(self.picture.height)

    @property
    def aspect(self) -> float:
        return self.width / self.height

    @property
    def color_range(self) -> ColorRange:
        return "FULL"

    def rgb(self, width: int, height: int) -> U8:
        scaled = self.picture.reformat(width=width, height=height, format="rgb24", interpolation="AREA")
        return np.ascontiguousarray(scaled.to_ndarray())

    def luma(self) -> U8:
        return np.ascontiguousarray(self.picture.reformat(format="gray").to_ndarray())


def still(path: Path) -> Still:
    """The picture in a JPEG or PNG file."""
    with av.open(str(path)) as container:
        return Still(next(container.decode(video=0)).reformat(format="rgb24"))


def drawn(pixels: U8) -> Still:
    """A frame over (height, width, 3) RGB pixels."""
    return Still(VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24"))
