"""An open video and its decoder: from wanted frame to wanted frame with as little decoding as possible."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from enum import IntEnum
from itertools import chain
from pathlib import Path
from time import monotonic

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from pipeline.errors import MediaError, SetupError
from pipeline.media.container import VideoPacket, check_pixels, demuxed, opened, prepare_decoder, require_damage
from pipeline.media.hardware import accelerator, is_its_fault, require_anew, tell_careful, tell_failed, tell_refused
from pipeline.media.limits import DecodeLimits
from pipeline.media.tally import Tally
from pipeline.media.types import I64, FrameIndex, MediaInfo
from pipeline.media.walks import Walk, plan_walks, tells_unreferenced, threads_for

_SEEK_ATTEMPTS = 3
_CAREFUL_GROUPS = 2
"""Groups of pictures in front of the first wanted frame at which a careful decoder begins."""
_READ_ON_S = 2.0
"""Packets over less than this are read and dropped; over more it is cheaper to seek."""
_NEVER = -(1 << 62)
_TRUSTING = frozenset({"mpeg4", "msmpeg4v1", "msmpeg4v2", "msmpeg4v3", "wmv1", "wmv2", "flv1", "h263", "h263p", "h261"})
"""Codecs that begin with any picture, without a word, on nothing: where the file calls one a keyframe that is none, pictures are wrong."""


class Care(IntEnum):
    """How little a decoder leaves out."""

    NONE = 0
    """What nobody wants."""
    NEAR = 1
    """What lies well before the first wanted frame."""
    WHOLE = 2
    """Nothing, from the start of the file on."""


class Doubt(Exception):  # noqa: N818 - the word for it
    """What was left out may be needed after all."""


class Decoder:
    """One open file with its decoder; reads forward, over what nobody wants.

    Args:
        path: The file.
        media: Facts from the probe.
        index: Frame times from the probe.
        wanted: (N,) int64 ascending frame numbers, N > 0.
        limits: Bounds.
        beat: Called at every sign of progress.
        tally: Where work is counted.
        care: How little is left out.
    """

    def __init__(
        self,
        path: str | Path,
        media: MediaInfo,
        index: FrameIndex,
        wanted: I64,
        limits: DecodeLimits,
        beat: Callable[[], None],
        tally: Tally,
        care: Care = Care.NONE,
    ) -> None:
        self._path = path
        self._media = media
        self._index = index
        self._wanted = wanted
        self._limits = limits
        self._beat = beat
        self._tally = tally
        self._care = care
        self._wanted_pts = frozenset(index.pts[wanted].tolist())
        self._last_progress = monotonic()
        self._closing = ExitStack()
        self._accelerator = None if care else accelerator(limits.device, media.codec)
        self._is_told = self._accelerator is None
        self._open()
        if care:
            tell_careful(limits.device, self._codec)

    def close(self) -> None:
        """Closes the file."""
        self._closing.close()

    def pictures(self) -> Iterator[VideoFrame]:
        """The pictures of the wanted frames that can be decoded, and others, in display order.

        Raises:
            Doubt: more must be decoded than was; never where that is all from the start.
            MediaError: the file cannot be opened any more, or decoding stalls.
        """
        walks = deque(self._walks())
        while walks:
            self._reach(walks[0])
            for picture in self._walked(walks):
                yield picture
                # Whoever looks at pictures may take long over one; that is no stall of ours.
                self._last_progress = monotonic()

    def _open(self) -> None:
        self._closing.close()
        self._container = self._opened()
        self._stream: VideoStream = self._container.streams[self._media.stream_index]  # type: ignore[assignment]
        self._codec = self._stream.codec_context
        if self._accelerator is not None and not self._codec.is_hwaccel:
            raise SetupError(f"FFmpeg does not decode {self._media.codec} on {self._limits.device} as it was told to.")
        # What is shown of damaged pictures depends on the threads.
        threads = 1 if self._care else threads_for(self._wanted, self._limits.threads)
        prepare_decoder(self._stream, self._limits, threads)
        self._excuses = not self._care and tells_unreferenced(self._media.codec, self._codec.extradata)
        self._source: Iterator[VideoPacket] = _until_broken(demuxed(self._container, self._stream))
        self._held: tuple[VideoPacket, ...] = ()
        self._place = self._passed = _NEVER
        self._at_start = True
        self._begins_anew = False

    def _opened(self) -> InputContainer:
        try:
            return self._closing.enter_context(opened(self._path, self._limits, self._accelerator))
        except MediaError:
            if self._accelerator is not None:  # the probe could open the file: the device may have gone since
                require_anew(self._limits.device)
            raise

    def _walks(self) -> list[Walk]:
        if not self._care:
            return plan_walks(self._wanted, self._index.keyframes)
        if self._care is Care.WHOLE:
            return [Walk(0, self._wanted)]
        key = int(np.searchsorted(self._index.keyframes, self._wanted[0], side="right")) - 1
        return [Walk(max(key - _CAREFUL_GROUPS, 0), self._wanted)]

    def _walked(self, walks: deque[Walk]) -> Iterator[VideoFrame]:
        """Pictures of the first walk, and of those whose keyframes come up on it; takes them off."""
        awaited = self._times(walks.popleft())
        for packet in chain(self._held, self._source):
            if packet.is_keyframe and packet.pts is not None:
                self._passed = max(self._passed, packet.pts)
                while walks and self._begin(walks[0]) <= self._passed:
                    awaited |= self._times(walks.popleft())
            yield from self._decoded(packet)
            awaited.discard(packet.pts)
            if not awaited and not self._care:
                yield from self._decoded(None)
                return

    def _times(self, walk: Walk) -> set[int | None]:
        return set(self._index.pts[walk.wanted].tolist())

    def _begin(self, walk: Walk) -> int:
        """When the walk's keyframe is displayed."""
        return int(self._index.pts[self._index.keyframes[walk.key]])

    def _reach(self, walk: Walk) -> None:
        """Gets to the packet of the walk's keyframe, or to an earlier keyframe; the decoder knows nothing of what it got before."""
        if not self._read_on(self._begin(walk)):
            self._seek(walk.key)

    def _read_on(self, begin: int) -> bool:
        """Whether the keyframe displayed at `begin` came up soon; packets before it are not decoded."""
        if (begin - self._place) * self._index.time_base > _READ_ON_S:
            return False
        for packet in self._source:
            if packet.is_keyframe and packet.pts is not None and packet.pts >= begin:
                self._codec.flush_buffers()
                self._held, self._begins_anew = (packet,), True
                return packet.pts == begin
            if packet.has_sidedata("new_extradata"):
                raise Doubt
            self._tally.dropped += 1
        return False

    def _seek(self, key: int) -> None:
        """Gets to the keyframe or to an earlier one; each attempt that lands too late goes further back."""
        keyframes = self._index.keyframes
        for attempt in range(_SEEK_ATTEMPTS):
            place = key - (1 << attempt) + 1
            if place <= 0:
                break
            if self._lands(int(keyframes[place]), int(keyframes[key])):
                return
        if not self._at_start:
            self._open()

    def _lands(self, aim: int, latest: int) -> bool:
        """Whether seeking to the keyframe `aim` gets to one that is not later than frame `latest`."""
        self._at_start, self._passed = False, _NEVER
        self._tally.seeks += 1
        try:
            self._container.seek(int(self._index.pts[aim]), stream=self._stream, backward=True)
        except av.FFmpegError as error:
            require_damage(error)
            return False
        self._source = _until_broken(demuxed(self._container, self._stream))
        for packet in self._source:
            if packet.is_keyframe and packet.pts is not None:
                self._held, self._begins_anew = (packet,), True
                return self._is_keyframe(packet.pts, latest)
        return False

    def _is_keyframe(self, pts: int, latest: int) -> bool:
        """Whether the probe knows a keyframe at this time: program streams may guess times wrongly after a seek."""
        number = int(np.searchsorted(self._index.pts, pts))
        return number <= latest and self._index.pts[number] == pts and bool(np.isin(number, self._index.keyframes))

    def _decoded(self, packet: VideoPacket | None) -> list[VideoFrame]:
        """What the decoder gives for the packet, and for None: the rest."""
        if packet is not None:
            self._feed(packet)
        try:
            pictures = self._codec.decode(packet)
        except av.FFmpegError as error:
            if is_its_fault(self._limits.device, self._codec, error):
                tell_failed(self._limits.device, self._codec, error)
                raise Doubt from error
            require_damage(error)
            pictures = []  # the frame is missing, the next may be whole
        self._note(pictures)
        return pictures

    def _feed(self, packet: VideoPacket) -> None:
        """Notes where reading is, and tells the decoder whether somebody wants the picture."""
        self._at_start = False
        self._tally.fed += 1
        if packet.pts is None:
            excused = False
        else:
            self._place = max(self._place, packet.pts)
            excused = self._excuses and packet.pts not in self._wanted_pts
        self._tally.excused += excused
        self._codec.skip_frame = "NONREF" if excused else "DEFAULT"

    def _note(self, pictures: list[VideoFrame]) -> None:
        now = monotonic()
        if pictures:
            self._last_progress = now
            self._tally.pictures += len(pictures)
            self._beat()
            if not self._is_told:
                tell_refused(self._limits.device, self._codec)
                self._is_told = True
            check_pixels(pictures[0].width, pictures[0].height, self._limits)
            self._check_beginning(pictures[0])
        elif now - self._last_progress > self._limits.stall_s:
            raise MediaError(f"Decoding made no progress for {self._limits.stall_s:.0f} seconds.")

    def _check_beginning(self, picture: VideoFrame) -> None:
        """The first picture after a gap must need no other."""
        if self._begins_anew and self._media.codec in _TRUSTING and picture.pict_type != PictureType.I:
            raise Doubt
        self._begins_anew = False


def _until_broken(packets: Iterator[VideoPacket]) -> Iterator[VideoPacket]:
    """The packets up to the point where the file cannot be read further."""
    try:
        yield from packets
    except av.FFmpegError as error:
        require_damage(error)
