"""Tiny clips with known truth: every frame shows its own number as a barcode."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
BITS = 16
BAR = 16
WIDTH, HEIGHT = BITS * BAR, 64


def barcode(number: int) -> U8:
    """(64, 256, 3) RGB: the number's bits as black and white bars, the highest first."""
    bits = [(number >> (BITS - 1 - place)) & 1 for place in range(BITS)]
    row = np.repeat(np.asarray(bits, np.uint8) * 255, BAR)
    return np.repeat(np.repeat(row[None, :, None], HEIGHT, axis=0), 3, axis=2)


def number_shown(luma: U8) -> int:
    """The number in an unrotated barcode's luma plane (or any channel of it)."""
    bars = luma[luma.shape[0] // 2].reshape(BITS, -1).mean(axis=1)
    return int("".join("1" if bar > 127 else "0" for bar in bars), 2)


@dataclass(frozen=True)
class Clip:
    """How a clip is made.

    Attributes:
        frames: Number of frames.
        rate: Frames per second, and the grid that `ticks` count on.
        ticks: Times of the frames on the grid; 0, 1, 2 ... where None (constant rate).
        start: Ticks by which the first frame is late.
        codec: FFmpeg's encoder name.
        options: Encoder options.
        rotation: Counterclockwise degrees written into the display matrix.
        aspect: Sample aspect ratio.
        audio: Whether there is a (silent) sound track.
        paint: Frame number -> (H, W, 3) RGB; barcodes where not given.
        pixel_format: What the encoder is given.
    """

    frames: int = 40
    rate: Fraction = Fraction(25)
    ticks: Sequence[int] | None = None
    start: int = 0
    codec: str = "libx264"
    options: dict[str, str] = field(default_factory=lambda: {"g": "10", "bf": "2", "preset": "ultrafast"})
    rotation: int = 0
    aspect: Fraction | None = None
    audio: bool = False
    paint: Callable[[int], U8] = barcode
    pixel_format: str = "yuv420p"

    def times(self) -> list[int]:
        """Grid places of the frames."""
        return [self.start + tick for tick in (self.ticks if self.ticks is not None else range(self.frames))]


def render(path: Path, clip: Clip = Clip()) -> Path:
    """Writes the clip; the container follows the path's suffix."""
    with av.open(str(path), "w") as container:
        video = container.add_stream(clip.codec, rate=clip.rate, options=dict(clip.options))
        first = clip.paint(0)
        video.width, video.height, video.pix_fmt = first.shape[1], first.shape[0], clip.pixel_format
        video.codec_context.time_base = 1 / clip.rate
        if clip.aspect is not None:
            video.codec_context.sample_aspect_ratio = clip.aspect
        if clip.rotation:
            video.set_display_rotation(clip.rotation)
        sound = container.add_stream("aac", rate=8000, layout="mono") if clip.audio else None
        for number, time in enumerate(clip.times()):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(clip.paint(number)), "rgb24")
            frame.pts, frame.time_base = time, 1 / clip.rate
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if sound is not None:
            _silence(container, sound, float(clip.frames / clip.rate))
    return path


def _silence(container: av.container.OutputContainer, sound: av.AudioStream, seconds: float) -> None:
    for start in range(0, int(seconds * 8000), 1024):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts = 8000, start
        container.mux(sound.encode(frame))
    container.mux(sound.encode(None))
