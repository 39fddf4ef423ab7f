"""Whether the devices of the settings are there: asked when a worker starts, so that it is not its first video that finds out."""

import subprocess
import sys

from pipeline.errors import SetupError
from pipeline.queue import IMAGES, VIDEO
from pipeline.settings import Settings

PATIENCE_S = 300
"""CUDA compiles its kernels for a GPU that it sees for the first time, and TensorRT builds an engine."""


def require_devices(settings: Settings, queues: str = VIDEO) -> None:
    """Nothing, where workers for these queues, separated by commas, can use the devices of the settings; on the CPU at once.

    Raises:
        SetupError: a device is not there, or does not work; the message says which setting asks for it.
    """
    wanted = set(queues.split(","))
    device = settings.device if wanted & {VIDEO, IMAGES} else "cpu"
    decode_device = settings.decode_device if VIDEO in wanted else "cpu"
    if device == decode_device == "cpu":
        return
    asked = f"REELSIGHT_DEVICE is {device}, REELSIGHT_DECODE_DEVICE is {decode_device}"
    try:
        tried = subprocess.run(  # noqa: S603 - a program of ours
            [sys.executable, "-m", "pipeline.trial", device, decode_device],
            capture_output=True, text=True, errors="replace", timeout=PATIENCE_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise SetupError(f"{asked}: a trial of them gave no answer in {PATIENCE_S} s") from None
    if tried.returncode:
        said = tried.stderr.strip().splitlines() or [f"a trial of them ended with status {tried.returncode}"]
        raise SetupError(f"{asked}: {said[-1]}")
