"""Television test patterns, as FFmpeg draws them, and sounds."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.filter import Graph
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
RATE = 48000


def pattern(name: str, width: int = 640, height: int = 360) -> U8:
    """(height, width, 3) RGB of one of FFmpeg's sources of pictures, for example "smptebars"."""
    graph = Graph()
    source, sink = graph.add(name, f"size={width}x{height}:rate=25"), graph.add("buffersink")
    source.link_to(sink)
    graph.configure()
    frame = graph.pull()
    assert isinstance(frame, av.VideoFrame)
    return frame.reformat(width, height, "rgb24").to_ndarray()


def thumbnail(picture: U8, width: int = 48, height: int = 27) -> U8:
    """The picture, scaled down by averaging."""
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
    return frame.reformat(width, height, "rgb24", interpolation="AREA").to_ndarray()


def grey(tick: int) -> U8:
    """A picture that shows nothing."""
    del tick
    return np.full((64, 64, 3), 90, np.uint8)


def with_sound(
    path: Path,
    wave: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    *,
    codec: str = "aac",
    seconds: float = 4.0,
    ticks: Sequence[int] = range(100),
    late_s: float = 0.0,
    paint: Callable[[int], U8] = grey,
) -> Path:
    """A clip of frames at `ticks` / 25 s with one channel of sound: `wave` of the seconds from the first frame."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"preset": "ultrafast", "g": "10"})
        video.height, video.width = paint(0).shape[:2]
        video.pix_fmt = "yuv420p"
        sound = container.add_stream(codec, rate=RATE, layout="mono")
        for tick in ticks:
            shown = av.VideoFrame.from_ndarray(np.ascontiguousarray(paint(tick)), "rgb24")
            shown.pts, shown.time_base = tick, Fraction(1, 25)
            container.mux(video.encode(shown))
        container.mux(video.encode(None))
        times = np.arange(round(late_s * RATE), round(seconds * RATE)) / RATE
        values = wave(times).astype(np.float32)
        for begin in range(0, len(values), 1024):
            heard = av.AudioFrame.from_ndarray(values[None, begin : begin + 1024].copy(), "fltp", "mono")
            heard.sample_rate, heard.pts, heard.time_base = RATE, round(late_s * RATE) + begin, Fraction(1, RATE)
            container.mux(sound.encode(heard))
        container.mux(sound.encode(None))
    return path
