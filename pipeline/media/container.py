"""Opening foreign files: which formats are admitted, which stream is the video, and what to say when it fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import av
import av.logging
from av.codec.context import ThreadType
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream

from pipeline.errors import MediaError
from pipeline.media.limits import DecodeLimits

if TYPE_CHECKING:
    VideoPacket: TypeAlias = Packet[VideoStream]
else:
    VideoPacket = Packet  # generic for the type checker only

# FFmpeg's log callback takes the interpreter lock from decoder threads and can deadlock; errors reach us as exceptions.
av.logging.set_level(None)

# Demuxers that read nothing but the file itself: playlists and scripts (hls, concat, dash ...) could name other files or hosts.
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,live_flv,mpegts,mpeg,mpegvideo,m4v,h264,hevc,vvc,obu,av1,ivf,"
    "asf,asf_o,ogg,mxf,gxf,nut,rm,dv,gif,mjpeg,wtv,h263,dirac,vc1,yuv4mpegpipe,ty,pva,nsv,swf,aac,mp3,wav,flac,caf"
)
_OPEN = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}


def _choice_rank(stream: VideoStream) -> tuple[bool, int]:
    return bool(stream.disposition & Disposition.default), stream.codec_context.width * stream.codec_context.height


def choose_stream(container: InputContainer) -> VideoStream:
    """The stream a player shows: the default one, the largest among several; cover pictures do not count.

    Raises:
        MediaError: there is none, or no decoder for it.
    """
    covers = Disposition.attached_pic | Disposition.timed_thumbnails
    streams = [stream for stream in container.streams.video if not stream.disposition & covers]
    if not streams:
        raise MediaError("The file has no video stream.")
    decoders: list[tuple[VideoStream, object]] = [(stream, stream.codec_context) for stream in streams]
    playable = [stream for stream, decoder in decoders if decoder is not None]
    if not playable:
        raise MediaError("The video's codec is not supported.")
    return max(playable, key=_choice_rank)


def _explain(path: Path, error: av.FFmpegError) -> MediaError:
    with path.open("rb") as file:
        head = file.read(16)
    if not head:
        return MediaError("The file is empty.")
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip"):
        return MediaError(f"The MP4 or MOV file is damaged or truncated: its index cannot be read ({error.strerror}).")
    return MediaError(f"The file is not a video in a supported format, or it is damaged ({error.strerror}).")


@contextmanager
def opened(path: str | Path, limits: DecodeLimits, hwaccel: HWAccel | None = None) -> Iterator[InputContainer]:
    """The open container; closed at the end.

    Args:
        path: The file.
        limits: How long opening may take.
        hwaccel: What its videos are decoded on; None: the CPU.

    Raises:
        MediaError: FFmpeg cannot open the file.
        OSError: the file cannot be read at all.
    """
    file = Path(path).resolve()
    file.open("rb").close()
    try:
        container = av.open(
            f"file:{file}",
            "r",
            container_options=_OPEN,
            metadata_errors="replace",
            timeout=limits.stall_s,
            hwaccel=hwaccel,
        )
    except av.FFmpegError as error:
        raise _explain(file, error) from error
    try:
        yield container
    finally:
        container.close()


def demuxed(container: InputContainer, stream: VideoStream) -> Iterator[VideoPacket]:
    """The stream's packets from the current position, an empty one last that flushes the decoder."""
    try:
        yield from container.demux(stream)
    except IndexError:
        # PyAV flushes every stream at the end and stumbles over those that appeared on the way (TS, PS, FLV);
        # ours, which was there before them, has been flushed by then.
        return


def require_damage(error: av.FFmpegError) -> None:
    """Passes where the file is to blame: what it lost is left out, the rest is analysed.

    Raises:
        MemoryError: the process may not have more memory; frames left out for that would make results silently incomplete.
        MediaError: the file could not be read in time, for the same reason.
    """
    if isinstance(error, MemoryError):
        raise MemoryError("decoding needs more memory than the worker may use") from error  # noqa: TRY004
    if isinstance(error, av.error.ExitError):
        raise MediaError("The file could not be read in time: its storage stalled.") from error


def prepare_decoder(stream: VideoStream, limits: DecodeLimits, threads: int = 1) -> None:
    """Sets threads and bounds before the decoder opens.

    Raises:
        MediaError: the frames are too large.
    """
    codec = stream.codec_context
    check_pixels(codec.width, codec.height, limits)
    codec.options = {"max_pixels": str(limits.max_pixels), "skip_loop_filter": "default" if limits.deblock else "all"}
    codec.thread_count = threads
    codec.thread_type = ThreadType.SLICE if threads == 1 else ThreadType.AUTO


def check_pixels(width: int, height: int, limits: DecodeLimits) -> None:
    """Raises MediaError where frames are larger than permitted."""
    if width * height > limits.max_pixels:
        raise MediaError(f"The frames have {width}x{height} pixels; at most {limits.max_pixels} pixels are supported.")
