"""How scripts read videos: every frame is decoded, by OpenCV or by PyAV as their documentation shows it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from pipeline.media.types import U8, ColorRange, FrameIndex, MediaInfo, Timestamp


@dataclass(frozen=True, slots=True)
class Whole:
    """OpenCV's picture in full size, resized for each use; a `Frame`.

    Attributes:
        bgr: (H, W, 3) as `VideoCapture.read` gives it.
    """

    bgr: U8
    index: int
    timestamp: Timestamp
    aspect: float
    color_range: ColorRange = "FULL"

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.bgr.shape[1])

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.bgr.shape[0])

    def rgb(self, width: int, height: int) -> U8:
        """(height, width, 3) RGB."""
        import cv2

        shrinks = width <= self.width and height <= self.height
        small = cv2.resize(self.bgr, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB), np.uint8)

    def luma(self) -> U8:
        """(H, W) grey."""
        import cv2

        return np.asarray(cv2.cvtColor(self.bgr, cv2.COLOR_BGR2GRAY), np.uint8)


@dataclass(frozen=True, slots=True)
class Reformatted:
    """PyAV's picture, reformatted for each use; a `Frame`."""

    picture: Any
    index: int
    timestamp: Timestamp
    aspect: float
    color_range: ColorRange = "FULL"

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.picture.width)

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.picture.height)

    def rgb(self, width: int, height: int) -> U8:
        """(height, width, 3) RGB."""
        return np.asarray(self.picture.to_ndarray(format="rgb24", width=width, height=height), np.uint8)

    def luma(self) -> U8:
        """(H, W) grey."""
        return np.asarray(self.picture.to_ndarray(format="gray"), np.uint8)


Pictures = Iterator[Whole] | Iterator[Reformatted]
"""The frames of a file in order."""


def opencv(video: Path, media: MediaInfo, index: FrameIndex) -> Iterator[Whole]:
    """The frames as `cv2.VideoCapture` reads them."""
    import cv2

    capture = cv2.VideoCapture(str(video))
    try:
        for number in range(media.frame_count):
            read, bgr = capture.read()
            if not read:
                return
            yield Whole(bgr, number, index.timestamp(number), media.aspect)
    finally:
        capture.release()


def pyav(video: Path, media: MediaInfo, index: FrameIndex) -> Iterator[Reformatted]:
    """The frames as PyAV decodes them on all cores."""
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for number, picture in zip(range(media.frame_count), container.decode(stream), strict=False):
            yield Reformatted(picture, number, index.timestamp(number), media.aspect)


READERS: dict[str, Callable[[Path, MediaInfo, FrameIndex], Pictures]] = {"opencv": opencv, "pyav": pyav}
