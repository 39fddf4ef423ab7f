"""A video of a few kilobytes, made on the spot: grey frames that get lighter, a keyframe every second."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

RATE = 10


def write_video(path: Path, frames: int = 40, gop: int = RATE) -> None:
    """Writes `frames` frames of 64 by 48 pixels."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=RATE, options={"sc_threshold": "1000000000"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.gop_size = gop
        stream.time_base = stream.codec_context.time_base = Fraction(1, RATE)
        for number in range(frames):
            grey = np.full((48, 64, 3), 16 + number * 5 % 220, dtype=np.uint8)
            grey[:, :32] += 8
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
