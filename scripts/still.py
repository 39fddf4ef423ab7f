"""One frame of a video as a picture file, and a picture file as a video of one frame."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from pipeline.media.probe import probe
from pipeline.media.reader import read
from pipeline.media.types import Stretch

PHOTOS = frozenset({".jpg", ".jpeg", ".png"})


def still(video: Path, timestamp_ms: int) -> bytes:
    """The frame shown at that time, upright, as PNG."""
    media, index = probe(video)
    times = [index.timestamp(frame).millis for frame in range(media.frame_count)]
    number = int(np.searchsorted(times, timestamp_ms, side="right")) - 1
    frame = next(iter(read(video, media, index, Stretch(0, media.frame_count), np.array([number]))))
    picture = av.VideoFrame.from_ndarray(np.array(frame.rgb(frame.width, frame.height)), format="rgb24")
    picture.pts, picture.time_base = 0, Fraction(1, 25)
    encoder = av.CodecContext.create("png", "w")
    encoder.width, encoder.height = picture.width, picture.height
    encoder.pix_fmt, encoder.time_base = "rgb24", picture.time_base
    return b"".join(bytes(packet) for packet in [*encoder.encode(picture), *encoder.encode(None)])


def middle(file: Path) -> bytes:
    """The photo as it is, or the middle frame of a clip."""
    if file.suffix.lower() in PHOTOS:
        return file.read_bytes()
    media, _ = probe(file)
    return still(file, media.duration_ms // 2)


def filmed(photo: Path, folder: Path) -> Path:
    """The photo as a video of one frame, without loss."""
    path = folder / "photo.mkv"
    with av.open(str(photo)) as source, av.open(str(path), "w") as target:
        picture = next(source.decode(video=0)).reformat(format="bgr0")
        stream = target.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, "bgr0"
        picture.pts = 0
        target.mux(stream.encode(picture))
        target.mux(stream.encode())
    return path
