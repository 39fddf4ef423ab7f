"""Clips of any length and size with the content of one: encoded once, then joined packet by packet."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain, islice, repeat
from pathlib import Path

import av
from av.video.frame import PictureType, VideoFrame

OPTIONS = {"preset": "veryfast", "crf": "28"}


def encoded(source: Path, target: Path, height: int, rate: int, seconds: int) -> Path:
    """So many seconds of a clip at another height and frame rate, as H.264 without sound; a clip that is too short begins anew."""
    with av.open(str(target), "w") as new:
        copy = new.add_stream("libx264", rate=rate, options={**OPTIONS, "g": str(10 * rate)})
        copy.pix_fmt, copy.codec_context.time_base = "yuv420p", Fraction(1, rate)
        shown = chain.from_iterable(_at_rate(each, rate) for each in repeat(source))
        for number, frame in enumerate(islice(shown, rate * seconds)):
            if not number:
                copy.width, copy.height = _even(frame.width * height / frame.height), _even(height)
            picture = frame.reformat(copy.width, copy.height, "yuv420p")
            picture.pts, picture.time_base, picture.pict_type = number, Fraction(1, rate), PictureType.NONE
            new.mux(copy.encode(picture))
        new.mux(copy.encode(None))
    return target


def _even(length: float) -> int:
    return max(2, 2 * round(length / 2))


def _at_rate(source: Path, rate: int) -> Iterator[VideoFrame]:
    """The pictures that are shown at each multiple of 1 / rate."""
    with av.open(str(source)) as old:
        began, made = None, 0
        for frame in old.decode(video=0):
            began = frame.time if began is None else began
            while made <= (frame.time - began) * rate:
                yield frame
                made += 1


def joined(unit: Path, times: int, target: Path) -> Path:
    """The packets of a clip so many times, one behind the other; nothing is encoded."""
    with av.open(str(unit)) as old:
        template = old.streams.video[0]
        length = round(template.frames / template.average_rate / template.time_base)
        with av.open(str(target), "w") as new:
            copy = new.add_stream_from_template(template)
            for turn in range(times):
                old.seek(0)
                for packet in old.demux(template):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + turn * length, packet.dts + turn * length
                    packet.stream = copy
                    new.mux(packet)
    return target
