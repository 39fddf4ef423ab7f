"""Decoding on a GPU: NVDEC through FFmpeg's CUDA device.

A device that is not there is an error. What the device does not decode, as H.264 of ten bits on most, FFmpeg decodes on the CPU, and so is
what it failed on; the log says of every such video which it was.
"""

from functools import cache

import av
import structlog
from av.codec import Codec
from av.codec.hwaccel import HWAccel, HWDeviceType
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext

from pipeline.errors import SetupError
from pipeline.media.limits import DecodeDevice

_ADVICE = (
    "check the NVIDIA driver (libcuda and libnvcuvid) and, in a container, that NVIDIA_DRIVER_CAPABILITIES lists video, "
    "or set REELSIGHT_DECODE_DEVICE to cpu"
)
PICTURE = bytes.fromhex(
    "000000016764100dacb82010d0800000030080000019420000000168ee0f2c8b"
    "0000000165888404bffef7addf814d97c995aee95ce2d32eae50d0f547da5299e2dc358ef8828b5fe70af787f4000003005e806f33173c48b3869e9b8d81"
)
"""H.264, High profile: one keyframe of 256x256 pixels, all of luma 64; larger than what NVDEC takes at least. Made with x264."""
_log = structlog.get_logger()


def accelerator(device: DecodeDevice, codec: str) -> HWAccel | None:
    """What a decoder of the codec is to run on; None: the CPU, as is wished or because FFmpeg has no other decoder, which is logged.

    Pictures come back to the machine's own memory. Whether the device takes this very video shows with the first picture: `tell_refused`.

    Raises:
        SetupError: the device is not there.
    """
    if device == "cpu":
        return None
    require(device)
    if not knows(device, codec):
        _log.warning("decoded_on_cpu", device=device, codec=codec, reason=f"FFmpeg has no decoder for {device}")
        return None
    return _made(device)


@cache
def require(device: DecodeDevice) -> None:
    """Nothing, where videos can be decoded on the device: a picture is, as the device may be there and its decoder not.

    Raises:
        SetupError: the device is not there, or leaves even this picture to the CPU.
    """
    if device == "cpu":
        return
    try:
        decoded_by = _decoded_by(_made(device))
    # The base of FFmpeg's errors is none of Python's but Exception's; some of them are kinds of MemoryError or OSError too.
    except (av.FFmpegError, RuntimeError, OSError) as error:
        raise SetupError(f"FFmpeg cannot decode on {device} here ({error}); {_ADVICE}") from error
    if decoded_by != device:
        raise SetupError(f"FFmpeg cannot decode on {device} here (it found no decoder there); {_ADVICE}")


def _decoded_by(accelerator: HWAccel) -> str | None:
    """Whose pictures a decoder makes that is to run there, the device's name or a format of the CPU; None: it makes none."""
    codec = av.CodecContext.create("h264", "r", accelerator)
    codec.thread_count = 1
    pictures = codec.decode(Packet(PICTURE)) + codec.decode(None)
    return codec.pix_fmt if pictures else None


def knows(device: DecodeDevice, codec: str) -> bool:
    """Whether FFmpeg can decode the codec on the device, where it is there."""
    try:
        configs = Codec(codec, "r").hardware_configs
    except ValueError:  # no such codec at all
        return False
    return any(config.is_supported and config.device_type == HWDeviceType[device] for config in configs)


def require_anew(device: DecodeDevice) -> None:
    """See `require`; it may have gone since it was seen last."""
    require.cache_clear()
    require(device)


def tell_refused(device: DecodeDevice, codec: VideoCodecContext) -> None:
    """Logs where the device was to decode but did not, once a picture has come: only then FFmpeg has chosen who decodes."""
    if device != "cpu" and codec.is_hwaccel and codec.pix_fmt != device:
        _told(device, codec, f"{device} does not take this kind of video")


def tell_careful(device: DecodeDevice, codec: VideoCodecContext) -> None:
    """Logs that the CPU decodes with care: what is still missing, whoever is to blame, or a file whose times are of no use."""
    if device != "cpu":
        _told(
            device, codec, "frames are still missing, or the file's times are of no use: only the CPU decodes with care"
        )


def tell_failed(device: DecodeDevice, codec: VideoCodecContext, error: av.FFmpegError) -> None:
    """Logs that the device broke off, or the video did in its hands."""
    _told(device, codec, f"{device} failed: {error.strerror}")


def is_its_fault(device: DecodeDevice, codec: VideoCodecContext, error: av.FFmpegError) -> bool:
    """Whether the error may be the device's, which is decoding, and not the file's or the process's.

    A call of CUDA that fails is an external error to FFmpeg; that no surface of the decoder is left is one of memory.

    Source: FFmpeg, libavutil/cuda_check.h, libavcodec/nvdec.c.
    """
    decodes = codec.is_hwaccel and codec.pix_fmt == device
    return decodes and isinstance(error, av.error.ExternalError | MemoryError)


def _told(device: DecodeDevice, codec: VideoCodecContext, reason: str) -> None:
    kind = {"codec": codec.name, "profile": codec.profile, "pixels": codec.pix_fmt}
    _log.warning("decoded_on_cpu", device=device, **kind, reason=reason)


def _made(device: DecodeDevice) -> HWAccel:
    return HWAccel(device_type=device, allow_software_fallback=True)
