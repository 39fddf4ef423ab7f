"""Every frame of a video as FFmpeg gives it when nothing is left out, to compare with."""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from itertools import islice
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame

from pipeline.media.container import VideoPacket, opened, require_damage
from pipeline.media.limits import DecodeLimits
from pipeline.media.reader import read
from pipeline.media.tally import Tally
from pipeline.media.types import FrameIndex, MediaInfo, Stretch

Digests = dict[int, bytes]


def digest(picture: VideoFrame) -> bytes:
    """Of all pixels in all planes, and of how they are laid out."""
    found = blake2b(f"{picture.format.name} {picture.width} {picture.height}".encode(), digest_size=8)
    for plane in picture.planes:
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        found.update(np.ascontiguousarray(rows[:, : plane.width * _bytes(picture)]))
    return found.digest()


def fully_decoded(path: Path, media: MediaInfo, index: FrameIndex, frames: int = 1 << 62) -> Digests:
    """Frame number -> digest of the first `frames` pictures, decoded from the first packet on without leaving any out.

    Pictures that a damaged file shows too late are no frames.
    """
    found: Digests = {}
    with opened(path, DecodeLimits()) as container:
        stream = container.streams[media.stream_index]
        assert isinstance(stream, av.VideoStream)
        stream.codec_context.thread_count = 1
        for count, picture in enumerate(islice(_pictures(container.demux(stream)), frames)):
            number = count if media.counted else int(np.searchsorted(index.pts, picture.pts))
            if number > max(found, default=-1):
                found[number] = digest(picture)
    return found


def read_frames(
    path: Path, media: MediaInfo, index: FrameIndex, wanted: Sequence[int], threads: int = 1
) -> tuple[Digests, Tally]:
    """Frame number -> digest of the wanted frames, as the reader gives them, and what that cost."""
    tally, numbers = Tally(), np.asarray(wanted, np.int64)
    limits = DecodeLimits(threads=threads, stall_s=30)
    frames = read(path, media, index, Stretch(0, media.frame_count), numbers, limits, tally=tally)
    return {frame.index: digest(frame._picture) for frame in frames}, tally


def _pictures(packets: Iterable[VideoPacket]) -> Iterable[VideoFrame]:
    for packet in packets:
        try:
            yield from packet.decode()
        except av.FFmpegError as error:
            require_damage(error)


def _bytes(picture: VideoFrame) -> int:
    """Bytes of a pixel in a plane."""
    return (max(part.bits for part in picture.format.components) + 7) // 8
