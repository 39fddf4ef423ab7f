"""What the compute half sees of a video: exact times, frames that convert themselves, facts from the probe."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
I64 = NDArray[np.int64]

ColorRange = Literal["FULL", "LIMITED"]


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A moment of the video, exact until it leaves as milliseconds; zero is the first displayed video frame.

    Attributes:
        pts: Presentation time in units of `time_base`, counted from the first video frame.
        time_base: Seconds per unit.
    """

    pts: int
    time_base: Fraction

    @property
    def seconds(self) -> Fraction:
        """Seconds from the first video frame."""
        return self.pts * self.time_base

    @property
    def millis(self) -> int:
        """Milliseconds from the first video frame, rounded down as Rekognition does."""
        return self.pts * self.time_base.numerator * 1000 // self.time_base.denominator


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """An audio stream of a video.

    Attributes:
        codec: Codec name, for example "aac".
        channels: Number of channels.
        sample_rate: Samples per second.
        duration_ms: Length in milliseconds.
    """

    codec: str
    channels: int
    sample_rate: int
    duration_ms: int


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What the probe knows of a video.

    Attributes:
        codec: Codec name of the chosen video stream, for example "h264".
        format: Long name of the container as FFmpeg prints it, for example "QuickTime / MOV".
        width: Displayed width in stored pixels, after rotation (no sample-aspect scaling).
        height: Displayed height in stored pixels, after rotation.
        rotation: Clockwise degrees by which the stored picture is turned for display: 0, 90, 180 or 270.
        sample_aspect_ratio: Width of a displayed pixel over its height, after rotation.
        frame_rate: Frames per second over the whole video; exact for constant rates.
        constant_rate: True where frame n lies at n / `frame_rate`, to the rounding of the time base.
        frame_count: Number of displayed frames.
        duration_ms: From the first frame to the end of the last.
        color_range: Range of luma values.
        time_base: Seconds per unit of pts of the chosen stream.
        start_pts: pts of the first displayed frame, in the file's own clock.
        stream_index: Index of the chosen video stream in the container.
        audio: The audio streams.
        size_bytes: Size of the file.
        counted: True where the stream has no usable presentation times: frames are numbered in decoding order from the start.
    """

    codec: str
    format: str
    width: int
    height: int
    rotation: int
    sample_aspect_ratio: Fraction
    frame_rate: Fraction
    constant_rate: bool
    frame_count: int
    duration_ms: int
    color_range: ColorRange
    time_base: Fraction
    start_pts: int
    stream_index: int
    audio: tuple[AudioInfo, ...]
    size_bytes: int
    counted: bool = False

    @property
    def aspect(self) -> float:
        """Width over height of the picture as a viewer sees it."""
        return float(self.sample_aspect_ratio * self.width / self.height)


@dataclass(frozen=True, slots=True)
class FrameIndex:
    """Every displayed frame of a video, found by demultiplexing without decoding.

    Attributes:
        pts: (N,) int64 ascending, in the file's own clock and `time_base` units.
        keyframes: (K,) int64 ascending, frame numbers at which decoding can begin; the first is 0.
        time_base: Seconds per unit of pts.
        repeated: Whether several pictures claim the same time; only the first of them to be displayed is a frame.
    """

    pts: I64
    keyframes: I64
    time_base: Fraction
    repeated: bool = False

    def timestamp(self, frame: int) -> Timestamp:
        """Time of the frame with number `frame`."""
        return Timestamp(int(self.pts[frame] - self.pts[0]), self.time_base)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames `start` (inclusive) to `stop` (exclusive) of a video, by number."""

    start: int
    stop: int


class Frame(Protocol):
    """A decoded picture that converts itself to what a model wants, straight from the decoder's planes.

    Pixels come as displayed: rotated, in the orientation a viewer sees; `aspect` corrects non-square pixels.
    """

    @property
    def index(self) -> int:
        """Frame number from 0 in display order."""

    @property
    def timestamp(self) -> Timestamp:
        """When the frame is displayed."""

    @property
    def width(self) -> int:
        """Displayed width in stored pixels (equals `MediaInfo.width`)."""

    @property
    def height(self) -> int:
        """Displayed height in stored pixels."""

    @property
    def aspect(self) -> float:
        """Width over height of the picture as a viewer sees it."""

    @property
    def color_range(self) -> ColorRange:
        """Range of the luma values."""

    def rgb(self, width: int, height: int) -> U8:
        """The whole picture scaled to (height, width, 3) RGB, 0 to 255; contiguous, read-only, the same array for the same size."""

    def luma(self) -> U8:
        """The stored luma plane (rows, columns), 0 to 255 in `color_range`, not rotated; higher bit depths are shifted down."""


@dataclass(frozen=True, slots=True)
class EveryFrame:
    """Take every frame."""


@dataclass(frozen=True, slots=True)
class Every:
    """Take the first frame at or after each multiple of `step_ms` milliseconds."""

    step_ms: int


@dataclass(frozen=True, slots=True)
class EveryAtEnds:
    """As `Every`, but only near the beginning and the end of the video.

    Attributes:
        step_ms: Milliseconds between the frames, at most.
        share: Ratio of the video's length that each end takes.
        least_ms: Each end takes at least this much.
        most_ms: Each end takes at most this much.
        group: Frames are taken in groups of so many, counted from the video's first: the last end takes the whole of the group in which
            it begins.
    """

    step_ms: int
    share: float
    least_ms: int
    most_ms: int
    group: int = 1


Sampling = EveryFrame | Every | EveryAtEnds
Frames = Sequence[Frame]
