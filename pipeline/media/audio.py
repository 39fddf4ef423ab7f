"""Decoding the sound that goes with a stretch of pictures: samples with their exact place on the clock of the pictures.

Sound is decoded in blocks of fixed length, each from a freshly opened file and from a little before its start, so that a sample's value
depends on its place alone and not on where decoding happened to begin.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from time import monotonic

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from pipeline.errors import MediaError
from pipeline.media.container import opened, require_damage
from pipeline.media.limits import DecodeLimits
from pipeline.media.types import F32, FrameIndex, MediaInfo

BLOCK_S = 60
PREROLL_S = 1
"""A decoder that begins in the middle needs some frames until it says what it would have said: overlapping windows, bit reservoirs."""
INTERLEAVED_S = 30
"""How far the packets of what is shown together may lie apart in the file."""
MOST_STREAMS = 16
UNENDED_PLANES = 8
"""PyAV takes for planes whatever stands before the first null pointer; behind so many planes there is none, and it reads wild memory."""
_Packets = Iterator["Packet[Stream]"]


@dataclass(frozen=True, slots=True)
class Samples:
    """Some samples of one stream.

    Attributes:
        stream: Number of the audio stream, from 0.
        start: Seconds from the first video frame to the first sample; may be negative.
        rate: Samples per second.
        values: (channels, N) float32, -1 to 1.
    """

    stream: int
    start: Fraction
    rate: int
    values: F32


def heard(
    path: str | Path, media: MediaInfo, index: FrameIndex, begin: Fraction, end: Fraction, limits: DecodeLimits
) -> Iterator[Samples]:
    """The samples of all audio streams from `begin` to `end`, and some around them; what cannot be decoded is left out.

    Of more than `MOST_STREAMS` streams the first are decoded.

    Args:
        path: The file.
        media: Facts from the probe.
        index: Frame times from the probe.
        begin: Seconds from the first video frame.
        end: Seconds from the first video frame.
        limits: Bounds for the decoder.

    Raises:
        MediaError: the file cannot be opened any more, or decoding stalls.
        MemoryError: the process may not have the memory that decoding needs.
    """
    zero = _zero(media, index)
    source = _Source(path, media, limits, zero)
    if zero is None or end <= BLOCK_S or not source.finds(Fraction(BLOCK_S - PREROLL_S)):
        yield from source.samples(None, None, end)
        return
    for number in range(int(begin // BLOCK_S), int(-(-end // BLOCK_S))):
        sought = Fraction(number * BLOCK_S - PREROLL_S)
        found = number > 0 and source.finds(sought)
        yield from source.samples(sought if found else None, number, end)


def _zero(media: MediaInfo, index: FrameIndex) -> Fraction | None:
    """Time of the first video frame on the file's clock, in seconds; None: without usable times the sound begins with the pictures."""
    if media.counted:
        return None
    # AVI counts packets; FFmpeg's times of its pictures are late by the decoder's delay.
    return Fraction(0) if media.format.startswith("AVI") else int(index.pts[0]) * index.time_base


@dataclass(slots=True)
class _Source:
    """The audio streams of a file, opened anew for every walk.

    Attributes:
        zero: Time of the first video frame on the file's clock, in seconds; None: samples are counted from the start of the file.
    """

    path: str | Path
    media: MediaInfo
    limits: DecodeLimits
    zero: Fraction | None
    _counted: dict[int, Fraction] = field(default_factory=dict)

    def finds(self, moment: Fraction) -> bool:
        """Whether seeking to a moment lands at sound before it."""
        with opened(self.path, self.limits) as container:
            streams = _audio_streams(container)[:1]
            if not streams:  # those that appear on the way are not there yet
                return False
            try:
                packets = self._sought(container, streams, moment)
                landed = next((self._time(packet) for packet in packets if packet.pts is not None), None)
            except (av.FFmpegError, IndexError):
                return False
        return landed is not None and landed <= moment

    def samples(self, sought: Fraction | None, block: int | None, end: Fraction) -> Iterator[Samples]:
        """The samples of a block (of all, where that is None) up to the frame of sound that holds `end`.

        They are decoded from `sought` or, where that is None, from the start of the file.
        """
        first = None if block is None else Fraction(block * BLOCK_S)
        last = end if first is None else min(end, first + BLOCK_S)
        self._counted = {}
        with opened(self.path, self.limits) as container:
            streams = _audio_streams(container)
            if not streams:
                return
            clocked: list[Stream] = [container.streams[self.media.stream_index], *streams]
            packets = container.demux(clocked) if sought is None else self._sought(container, clocked, sought)
            numbers = {stream.index: number for number, stream in enumerate(streams)}
            for packet, frame in self._decoded(packets, numbers, last):
                yield from _of_block(self._placed(packet, frame, numbers[packet.stream_index]), first)

    def _sought(
        self, container: InputContainer, streams: list[Stream] | list[AudioStream], moment: Fraction
    ) -> _Packets:
        """Packets of the streams from shortly before a moment."""
        audio = next(stream for stream in streams if isinstance(stream, AudioStream))
        base = audio.time_base or Fraction(1, av.time_base)
        container.seek(int(((self.zero or 0) + moment) / base), stream=audio, backward=True)
        return container.demux(streams)

    def _decoded(
        self, packets: _Packets, numbers: dict[int, int], end: Fraction
    ) -> Iterator[tuple["Packet[Stream]", AudioFrame]]:
        """Frames of sound with their packets, until the file is past `end`; sound that stands far behind its pictures is read up to."""
        progress, is_heard = monotonic(), False
        for packet in _until_broken(packets):
            if monotonic() - progress > self.limits.stall_s:
                raise MediaError(f"Decoding the sound made no progress for {self.limits.stall_s:.0f} seconds.")
            progress = monotonic()  # sound may stand far behind its pictures: reading on is progress, too
            if packet.stream_index not in numbers:
                # The pictures are the clock: single packets of sound may have wild times.
                if is_heard and self._is_behind(packet, end + INTERLEAVED_S):
                    return
                continue
            is_heard = True
            try:
                frames = packet.decode()
            except av.FFmpegError as error:
                require_damage(error)
                continue
            for frame in frames:
                yield packet, frame  # type: ignore[misc]

    def _is_behind(self, packet: "Packet[Stream]", moment: Fraction) -> bool:
        return self.zero is not None and packet.dts is not None and self._time(packet) > moment

    def _placed(self, packet: "Packet[Stream]", frame: AudioFrame, number: int) -> Samples:
        """The samples of a frame of sound and their time."""
        rate, values = max(frame.sample_rate, 1), _floats(frame)
        start = self._start(packet, frame, number)
        self._counted[number] = start + Fraction(values.shape[1], rate)
        return Samples(number, start, rate, values)

    def _start(self, packet: "Packet[Stream]", frame: AudioFrame, number: int) -> Fraction:
        """Seconds from the first video frame; a frame without a time follows the one before it."""
        base = frame.time_base or packet.time_base
        if self.zero is None or frame.pts is None or base is None:
            return self._counted.get(number, Fraction(0))
        return frame.pts * base - self.zero

    def _time(self, packet: "Packet[Stream]") -> Fraction:
        ticks = packet.dts if packet.dts is not None else packet.pts or 0
        return ticks * (packet.time_base or Fraction(0)) - (self.zero or 0)


def _of_block(samples: Samples, first: Fraction | None) -> Iterator[Samples]:
    """The part of the samples that lies in the block that begins at `first`; all where that is None."""
    if first is None:
        yield samples
        return
    begin, end = (max(0, -int((samples.start - edge) * samples.rate // 1)) for edge in (first, first + BLOCK_S))
    values = samples.values[:, begin:end]
    if values.shape[1]:
        yield Samples(samples.stream, samples.start + Fraction(begin, samples.rate), samples.rate, values)


def _audio_streams(container: InputContainer) -> list[AudioStream]:
    """Those with a decoder."""
    decoders: list[tuple[AudioStream, object]] = [(stream, stream.codec_context) for stream in container.streams.audio]
    return [stream for stream, decoder in decoders if decoder is not None][:MOST_STREAMS]


def _until_broken(packets: _Packets) -> _Packets:
    """The packets up to the point where the file cannot be read further."""
    try:
        yield from packets
    except IndexError:
        return  # PyAV stumbles over streams that appeared on the way; see `container.demuxed`
    except av.FFmpegError as error:
        require_damage(error)


def _floats(frame: AudioFrame) -> F32:
    """(channels, N) float32, -1 to 1, of samples of any format."""
    if frame.format.is_planar and frame.layout.nb_channels >= UNENDED_PLANES:
        return _floats_of_many(frame)
    stored = frame.to_ndarray()
    if frame.format.is_packed:
        stored = stored.reshape(-1, max(frame.layout.nb_channels, 1)).T
    samples = np.asarray(stored, np.float32)
    if stored.dtype == np.uint8:
        return (samples - 128) / np.float32(128)
    if stored.dtype.kind == "i":
        return samples / np.float32(1 << (8 * stored.dtype.itemsize - 1))
    return np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0)


def _floats_of_many(frame: AudioFrame) -> F32:
    """The samples of a frame with so many channels that its planes must not be looked at; silence where FFmpeg takes no more channels."""
    resampler = AudioResampler(frame.format.packed)
    try:
        return _floats(next(iter([*resampler.resample(frame), *resampler.resample(None)])))
    except av.FFmpegError as error:
        require_damage(error)
        return np.zeros((frame.layout.nb_channels, frame.samples), np.float32)
