"""Decoding on a GPU: NVDEC through FFmpeg's CUDA device. What is asked for is there, or an error says that it is not."""

from functools import cache

import av
import structlog
from av.codec import Codec
from av.codec.hwaccel import HWAccel, HWDeviceType

from pipeline.errors import SetupError
from pipeline.media.limits import DecodeDevice

_ADVICE = "check the NVIDIA driver (libcuda and libnvcuvid), or set REELSIGHT_DECODE_DEVICE to cpu"
_log = structlog.get_logger()


def accelerator(device: DecodeDevice, codec: str) -> HWAccel | None:
    """What a decoder of the codec is to run on; None: the CPU, as is wished or because FFmpeg has no other decoder, which is logged.

    Pictures come back to the machine's own memory.

    Raises:
        SetupError: the device is not there.
    """
    if device == "cpu":
        return None
    require(device)
    if not knows(device, codec):
        _log.warning("decoded_on_cpu", codec=codec, reason=f"FFmpeg has no decoder for {device}")
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


def _made(device: DecodeDevice) -> HWAccel:
    return HWAccel(device_type=device, allow_software_fallback=False)
