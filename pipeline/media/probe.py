"""What a video is: its facts and the exact times of all its frames, found without decoding more than one of them."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from time import monotonic

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from pipeline.errors import MediaError
from pipeline.media.container import (
    VideoPacket,
    check_pixels,
    choose_stream,
    demuxed,
    opened,
    prepare_decoder,
    require_damage,
)
from pipeline.media.frame import clockwise_rotation, is_full_range
from pipeline.media.limits import DecodeLimits
from pipeline.media.rate import frame_rate
from pipeline.media.types import I64, AudioInfo, FrameIndex, MediaInfo

_ENCRYPTED = ("encryption_info", "encryption_init_info")


@dataclass(slots=True)
class _Scan:
    """What one walk over the packets saw; `picture` is the first frame that could be decoded.

    Times are kept as plain numbers, as hours have a million of them; where one is missing, `undated` says so, and none counts.
    """

    pts: "array[int]" = field(default_factory=lambda: array("q"))
    keys: "array[int]" = field(default_factory=lambda: array("q"))
    undated: bool = False
    last: tuple[int, int] = (-(1 << 62), 0)
    reordered: bool = False
    clock: int | None = None
    furthest_back: int = 0
    packets: int = 0
    encrypted: bool = False
    picture: VideoFrame | None = None

    def add(self, packet: VideoPacket) -> None:
        """Notes the packet's time, unless an edit list hides it."""
        self.packets += 1
        if packet.is_discard:
            return
        pts = packet.pts
        self.reordered |= pts is not None and pts < self.last[0]
        self.undated |= pts is None
        self.pts.append(pts or 0)
        if packet.dts is not None:
            self.furthest_back = max(self.furthest_back, (self.clock or packet.dts) - packet.dts)
            self.clock = packet.dts
        if packet.is_keyframe:
            self.keys.append(pts or 0)
        if pts is not None and pts >= self.last[0]:
            self.last = (pts, packet.duration or 0)


def _scan(container: InputContainer, stream: VideoStream, limits: DecodeLimits) -> _Scan:
    scan = _Scan(encrypted="enc_key_id" in stream.metadata)
    deadline = monotonic() + limits.stall_s
    try:
        for packet in demuxed(container, stream):
            if packet.size:
                scan.add(packet)
            if scan.picture is None:
                scan.encrypted |= any(packet.has_sidedata(kind) for kind in _ENCRYPTED)  # type: ignore[arg-type]
                scan.picture = _first_picture(packet, deadline)
    except av.FFmpegError as error:
        require_damage(error)
        # A file that breaks off is analysed up to the break.
        if not scan.pts:
            raise MediaError(f"The video stream cannot be read: {error.strerror}.") from error
    return scan


def _first_picture(packet: VideoPacket, deadline: float) -> VideoFrame | None:
    if monotonic() > deadline:
        raise MediaError("The video cannot be decoded: no frame appeared within the time limit.")
    try:
        return next(iter(packet.decode()), None)
    except av.FFmpegError as error:
        require_damage(error)
        return None


def _require_picture(scan: _Scan) -> VideoFrame:
    if scan.picture is not None:
        return scan.picture
    if scan.encrypted:
        raise MediaError("The video is encrypted; only unprotected videos can be analyzed.")
    if not scan.packets:
        raise MediaError("The file contains no frames: it is only a header, or it was truncated after the header.")
    raise MediaError("No frame of the video can be decoded; the file is damaged or its codec is not supported.")


def _is_counted(scan: _Scan, container: InputContainer, stream: VideoStream, time_base: Fraction) -> bool:
    """Whether presentation times are missing, mostly equal, or begin anew within the file (joined transport streams).

    AVI stores decoding times only, which B-frames make useless.
    """
    misread = container.format.name == "avi" and not scan.reordered and bool(stream.codec_context.has_b_frames)
    begins_anew = scan.furthest_back * time_base > 1
    return misread or begins_anew or scan.undated or 2 * len(np.unique(scan.pts)) <= len(scan.pts)


def _frame_index(scan: _Scan, time_base: Fraction) -> FrameIndex:
    pts = np.unique(np.asarray(scan.pts, np.int64))
    keys = np.asarray(scan.keys, np.int64)
    keyframes = np.union1d(np.zeros(1, np.int64), np.searchsorted(pts, keys))
    return FrameIndex(pts, keyframes.astype(np.int64), time_base, repeated=len(pts) < len(scan.pts))


def _counted_index(count: int, stream: VideoStream, time_base: Fraction) -> FrameIndex:
    """Times by counting, for streams without timestamps; such streams are always decoded from their start."""
    rate = stream.average_rate or stream.guessed_rate or Fraction(25)
    numbers = np.arange(count, dtype=np.int64)
    ticks = 1 / (rate * time_base)
    return FrameIndex(numbers * ticks.numerator // ticks.denominator, np.zeros(1, np.int64), time_base)


def _end(pts: I64, last_duration: int, rate: Fraction, time_base: Fraction) -> int:
    """Length in milliseconds, rounded to the nearest: the last frame lasts as long as its packet says, where that is sane."""
    usual = 1 / rate
    declared = last_duration * time_base
    last = declared if usual / 10 <= declared <= 10 * usual else usual
    return round((int(pts[-1] - pts[0]) * time_base + last) * 1000)


def _audio(streams: Iterable[AudioStream], container_s: Fraction, video_ms: int) -> tuple[AudioInfo, ...]:
    found = []
    for stream in streams:
        codec = stream.codec_context
        if codec is None:
            continue
        declared = stream.duration * stream.time_base if stream.duration and stream.time_base else container_s
        length_ms = round(declared * 1000)
        # Fragmented files may declare any length: what exceeds the pictures by far is not believed.
        believed = length_ms if 0 < length_ms <= 4 * video_ms + 600_000 else video_ms
        found.append(AudioInfo(codec.codec.canonical_name, codec.channels, codec.sample_rate or 0, believed))
    return tuple(found)


def _aspect(stream: VideoStream, rotation: int) -> Fraction:
    aspect = stream.sample_aspect_ratio or Fraction(1)
    if not Fraction(1, 10) <= aspect <= 10:
        return Fraction(1)
    return 1 / aspect if rotation in (90, 270) else aspect


def _check_duration(duration_ms: int, limits: DecodeLimits) -> None:
    if duration_ms > limits.max_duration_s * 1000:
        raise MediaError(
            f"The video lasts {duration_ms / 3.6e6:.1f} hours; at most {limits.max_duration_s / 3600:.1f} are supported."
        )


def _describe(container: InputContainer, stream: VideoStream, scan: _Scan, size: int) -> tuple[MediaInfo, FrameIndex]:
    picture = _require_picture(scan)
    time_base = stream.time_base
    if time_base is None or time_base <= 0:
        raise MediaError("The video stream has no time scale.")
    counted = _is_counted(scan, container, stream, time_base)
    index = _counted_index(len(scan.pts), stream, time_base) if counted else _frame_index(scan, time_base)
    rate, constant = frame_rate(index.pts, time_base, (stream.average_rate, stream.guessed_rate, stream.base_rate))
    duration_ms = _end(index.pts, scan.last[1], rate, time_base)
    rotation = clockwise_rotation(picture)
    turned = rotation in (90, 270)
    container_s = Fraction(container.duration or 0, av.time_base)
    info = MediaInfo(
        codec=stream.codec_context.codec.canonical_name,
        format=container.format.long_name,
        width=picture.height if turned else picture.width,
        height=picture.width if turned else picture.height,
        rotation=rotation,
        sample_aspect_ratio=_aspect(stream, rotation),
        frame_rate=rate,
        constant_rate=constant,
        frame_count=len(index.pts),
        duration_ms=duration_ms,
        color_range="FULL" if is_full_range(picture) else "LIMITED",
        time_base=time_base,
        start_pts=int(index.pts[0]),
        stream_index=stream.index,
        audio=_audio(container.streams.audio, container_s, duration_ms),
        size_bytes=size,
        counted=counted,
    )
    return info, index


def probe(path: str | Path, limits: DecodeLimits = DecodeLimits()) -> tuple[MediaInfo, FrameIndex]:  # noqa: B008
    """Facts of the video and the times of all displayed frames.

    Raises:
        MediaError: the file is not a video that can be analysed; the message says why.
        OSError: the file cannot be read.
        MemoryError: the process may not have the memory that decoding needs.
    """
    with opened(path, limits) as container:
        stream = choose_stream(container)
        prepare_decoder(stream, limits)
        scan = _scan(container, stream, limits)
        info, index = _describe(container, stream, scan, Path(path).stat().st_size)
    check_pixels(info.width, info.height, limits)
    _check_duration(info.duration_ms, limits)
    return info, index
