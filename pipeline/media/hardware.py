"""Decoding on a GPU: NVDEC through FFmpeg's CUDA device.

A device that is not there is an error. What the device does not decode, as H.264 of ten bits on most, FFmpeg decodes on the CPU, and so is
what it failed on; the log says of every such video which it was.
"""

from functools import cache

import av
import structlog
from av.codec import Codec
from av.codec.hwaccel import HWAccel, HWDeviceType
from av.video.codeccontext import VideoCodecContext

from pipeline.errors import SetupError
from pipeline.media.limits import DecodeDevice

_ADVICE = "check the NVIDIA driver (libcuda and libnvcuvid), or set REELSIGHT_DECODE_DEVICE to cpu"
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
    """Nothing, where videos can be decoded on the device.

    Raises:
        SetupError: the device is not there.
    """
    if device == "cpu":
        return
    try:
        _made(device).create(Codec("h264", "r"))
    # PyAV's own word for a codec without hardware configurations is NotImplementedError.
    except (av.FFmpegError, NotImplementedError, RuntimeError, OSError) as error:
        raise SetupError(f"FFmpeg cannot decode on {device} here ({error}); {_ADVICE}") from error


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
    """Logs that the CPU decodes what the device left out, or a file whose times are of no use: the same frames are lost on both."""
    if device != "cpu":
        _told(device, codec, "the file is damaged, or its times are of no use")


def tell_failed(device: DecodeDevice, codec: VideoCodecContext, error: av.FFmpegError) -> None:
    """Logs that the device broke off, or the video did in its hands."""
    _told(device, codec, f"{device} failed: {error.strerror}")


def is_its_fault(codec: VideoCodecContext, error: av.FFmpegError) -> bool:
    """Whether the error may be the device's and not the file's: FFmpeg calls all that CUDA answers an external error."""
    return codec.is_hwaccel and isinstance(error, av.error.ExternalError)


def _told(device: DecodeDevice, codec: VideoCodecContext, reason: str) -> None:
    kind = {"codec": codec.name, "profile": codec.profile, "pixels": codec.pix_fmt}
    _log.warning("decoded_on_cpu", device=device, **kind, reason=reason)


def _made(device: DecodeDevice) -> HWAccel:
    return HWAccel(device_type=device, allow_software_fallback=True)
