"""Decoding a stretch of a video: exact frame numbers, whatever the file does with seeking."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from pipeline.errors import MediaError
from pipeline.media.container import VideoPacket, check_pixels, demuxed, opened, prepare_decoder, require_damage
from pipeline.media.frame import DecodedFrame, Scalers
from pipeline.media.limits import DecodeLimits
from pipeline.media.types import I64, FrameIndex, MediaInfo, Stretch

_SEEK_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Walk:
    """Wanted frames that are decoded in one go.

    Attributes:
        key: Position in `FrameIndex.keyframes` at which decoding begins.
        wanted: (N,) int64 ascending frame numbers, N > 0.
    """

    key: int
    wanted: I64


def plan_walks(wanted: I64, keyframes: I64) -> list[Walk]:
    """Wanted frames cut where at least one whole group of pictures holds none of them."""
    if not len(wanted):
        return []
    keys = np.searchsorted(keyframes, wanted, side="right") - 1
    cuts = np.flatnonzero(np.diff(keys) > 1) + 1
    return [Walk(int(key[0]), part) for key, part in zip(np.split(keys, cuts), np.split(wanted, cuts), strict=True)]


class _Decoder:
    """One open file with its decoder; walks forward and seeks between walks."""

    def __init__(
        self,
        path: str | Path,
        media: MediaInfo,
        index: FrameIndex,
        limits: DecodeLimits,
        beat: Callable[[], None],
    ) -> None:
        self._path = path
        self._media = media
        self._index = index
        self._limits = limits
        self._beat = beat
        self._scalers = Scalers()
        self._counted = 0
        self._last_progress = monotonic()
        # Frame threads would apply a change of `skip_frame` to the wrong packet.
        self._hurries = limits.threads == 1 and not media.counted
        self._opened = ExitStack()
        self._open()

    def _open(self) -> None:
        self._opened.close()
        self._container = self._opened.enter_context(opened(self._path, self._limits))
        self._stream: VideoStream = self._container.streams[self._media.stream_index]  # type: ignore[assignment]
        prepare_decoder(self._stream, self._limits)
        self._at_start = True

    def close(self) -> None:
        """Closes the file."""
        self._opened.close()

    def frames(self, walk: Walk) -> Iterator[DecodedFrame]:
        """The wanted frames of the walk that can be decoded."""
        packets = self._seek(walk)
        targets = iter(walk.wanted.tolist())
        target = next(targets)
        wanted_pts = set(self._index.pts[walk.wanted].tolist())
        for picture in self._pictures(packets, wanted_pts):
            number = self._number(picture)
            while target is not None and number > target:
                target = next(targets, None)  # the frame is missing from a damaged file
            if number == target:
                yield DecodedFrame(picture, self._media, self._scalers, number, self._index.timestamp(number))
                target = next(targets, None)
            if target is None:
                return

    def _seek(self, walk: Walk) -> Iterator[VideoPacket]:
        """Packets from the walk's keyframe or an earlier one; each attempt that lands too late goes further back."""
        keyframes = self._index.keyframes
        for attempt in range(_SEEK_ATTEMPTS):
            key = walk.key - (1 << attempt) + 1
            if key <= 0:
                break
            packets = self._land(int(keyframes[key]), int(keyframes[walk.key]))
            if packets is not None:
                return packets
        return self._from_start()

    def _land(self, aim: int, latest: int) -> Iterator[VideoPacket] | None:
        """Packets from a keyframe not later than frame `latest`; None where seeking does not get there."""
        self._at_start = False
        try:
            self._container.seek(int(self._index.pts[aim]), stream=self._stream, backward=True)
            packets = demuxed(self._container, self._stream)
            for packet in packets:
                if packet.is_keyframe and packet.pts is not None:
                    return _chain(packet, packets) if self._is_keyframe(packet.pts, latest) else None
        except av.FFmpegError as error:
            require_damage(error)
        return None

    def _is_keyframe(self, pts: int, latest: int) -> bool:
        """Whether the probe knows a keyframe at this time: program streams may guess times wrongly after a seek."""
        number = int(np.searchsorted(self._index.pts, pts))
        return number <= latest and self._index.pts[number] == pts and bool(np.isin(number, self._index.keyframes))

    def _from_start(self) -> Iterator[VideoPacket]:
        if not self._at_start:
            self._open()
        self._at_start = False
        return demuxed(self._container, self._stream)

    def _pictures(self, packets: Iterator[VideoPacket], wanted_pts: set[int]) -> Iterator[VideoFrame]:
        codec = self._stream.codec_context
        self._last_progress = monotonic()
        for packet in _until_broken(packets):
            if self._hurries:
                # Pictures that no other refers to are decoded only where somebody wants them.
                codec.skip_frame = "DEFAULT" if packet.pts is None or packet.pts in wanted_pts else "NONREF"
            yield from self._decoded(packet)

    def _decoded(self, packet: VideoPacket) -> list[VideoFrame]:
        try:
            pictures = packet.decode()
        except av.FFmpegError as error:
            require_damage(error)
            pictures = []  # the frame is missing, the next may be whole
        now = monotonic()
        if pictures:
            self._last_progress = now
            self._beat()
            check_pixels(pictures[0].width, pictures[0].height, self._limits)
        elif now - self._last_progress > self._limits.stall_s:
            raise MediaError(f"Decoding made no progress for {self._limits.stall_s:.0f} seconds.")
        return pictures

    def _number(self, picture: VideoFrame) -> int:
        """Frame number by presentation time; by counting where the stream has no times."""
        self._counted += 1
        if self._media.counted or picture.pts is None:
            return self._counted - 1
        return int(np.searchsorted(self._index.pts, picture.pts))


def _chain(first: VideoPacket, rest: Iterator[VideoPacket]) -> Iterator[VideoPacket]:
    yield first
    yield from rest


def _until_broken(packets: Iterator[VideoPacket]) -> Iterator[VideoPacket]:
    """The packets up to the point where the file cannot be read further."""
    try:
        yield from packets
    except av.FFmpegError as error:
        require_damage(error)


def read(
    path: str | Path,
    media: MediaInfo,
    index: FrameIndex,
    stretch: Stretch,
    wanted: I64 | None = None,
    limits: DecodeLimits = DecodeLimits(),  # noqa: B008
    beat: Callable[[], None] = lambda: None,
) -> Iterator[DecodedFrame]:
    """The frames of the stretch in display order; frames that a damaged file lost are left out.

    Args:
        path: The file.
        media: Facts from the probe.
        index: Frame times from the probe.
        stretch: Frames to decode.
        wanted: (N,) int64 ascending frame numbers that somebody looks at; all where None.
        limits: Bounds for the decoder.
        beat: Called at every sign of progress, also between wanted frames.

    Raises:
        MediaError: the file cannot be opened any more, or decoding stalls.
        MemoryError: the process may not have the memory that decoding needs.
    """
    if wanted is None:
        wanted = np.arange(stretch.start, stretch.stop, dtype=np.int64)
    wanted = wanted[(wanted >= stretch.start) & (wanted < stretch.stop)]
    with closing(_Decoder(path, media, index, limits, beat)) as decoder:
        for walk in plan_walks(wanted, index.keyframes):
            yield from decoder.frames(walk)
