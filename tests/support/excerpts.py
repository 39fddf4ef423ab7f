"""Excerpts of real clips, in the shapes that make seeking hard."""

from collections.abc import Callable
from fractions import Fraction
from itertools import takewhile
from pathlib import Path

import av
from av.video.frame import PictureType, VideoFrame

SPARSE = {
    "x264-params": "keyint=infinite:scenecut=0:bframes=3:b-adapt=0:b-pyramid=normal",
    "preset": "veryfast",
    "crf": "20",
}
"""One keyframe, at the beginning."""
OPEN = {
    "x264-params": "keyint=40:min-keyint=40:open-gop=1:scenecut=0:bframes=3:b-adapt=0",
    "preset": "veryfast",
    "crf": "20",
}
"""Keyframes that later frames, shown before them, refer across."""


def trimmed(source: Path, target: Path, begin_s: float, end_s: float) -> Path:
    """The packets from the last keyframe at or before `begin_s` to `end_s`, pictures and sound, as they are."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        streams = [stream for stream in (old.streams.best("video"), old.streams.best("audio")) if stream is not None]
        copies = {stream.index: new.add_stream_from_template(stream) for stream in streams}
        old.seek(int(begin_s * av.time_base), backward=True)
        first: Fraction | None = None
        for packet in old.demux(streams):
            if packet.dts is None or packet.pts is None or packet.time_base is None:
                continue
            if first is None and packet.stream.type == "video":
                first = packet.pts * packet.time_base
            if first is None or packet.pts * packet.time_base < first or packet.pts * packet.time_base >= end_s:
                continue
            shift = round(first / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = copies[packet.stream.index]
            new.mux(packet)
    return target


def encoded(
    source: Path,
    target: Path,
    begin_s: float,
    end_s: float,
    options: dict[str, str],
    keeps: Callable[[int], bool] = lambda number: True,
) -> Path:
    """The pictures of the span, encoded anew as H.264; the times of those that are kept stay as they are."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        pictures = old.streams.video[0]
        copy = new.add_stream("libx264", rate=pictures.average_rate, options=dict(options))
        copy.width, copy.height, copy.pix_fmt = pictures.width, pictures.height, "yuv420p"
        copy.codec_context.time_base = pictures.time_base
        first: int | None = None
        for number, frame in enumerate(takewhile(lambda frame: frame.time < end_s, old.decode(pictures))):
            if frame.time < begin_s or not keeps(number):
                continue
            first = frame.pts if first is None else first
            frame.pts, frame.pict_type = frame.pts - first, PictureType.NONE
            new.mux(copy.encode(frame))
        new.mux(copy.encode(None))
    return target


def frame_at(source: Path, time_s: float) -> VideoFrame:
    """The first picture at or after a time."""
    with av.open(str(source)) as container:
        container.seek(int(time_s * av.time_base), backward=True)
        return next(frame for frame in container.decode(video=0) if frame.time >= time_s)
