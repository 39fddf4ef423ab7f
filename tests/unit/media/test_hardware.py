"""Decoding on a GPU is asked for by a setting: it happens there, or an error says why not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.conduct.limits import decode_limits
from pipeline.errors import SetupError
from pipeline.media.hardware import accelerator, knows, require
from pipeline.media.limits import DecodeLimits
from pipeline.media.probe import probe
from pipeline.media.reader import read
from pipeline.media.types import Stretch
from pipeline.settings import Settings, settings_of
from tests.support.media import Clip, number_shown, render

READS = """
import sys
from pipeline.media.limits import DecodeLimits
from pipeline.media.probe import probe
from pipeline.media.reader import read
from pipeline.media.types import Stretch
media, index = probe(sys.argv[1])
print(len(list(read(sys.argv[1], media, index, Stretch(0, 5), None, DecodeLimits(device=sys.argv[2])))))
"""


def has_gpu() -> bool:
    try:
        require("cuda")
    except SetupError:
        return False
    return True


def read_without_gpu(path: Path, device: str) -> subprocess.CompletedProcess[str]:
    """What a process says that sees no GPU, wherever it runs."""
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "-1"}
    command = [sys.executable, "-c", READS, str(path), device]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_gpu_that_is_not_there_is_an_error_and_not_replaced(tmp_path: Path) -> None:
    path = render(tmp_path / "clip.mp4")
    assert read_without_gpu(path, "cpu").stdout == "5\n"
    asked = read_without_gpu(path, "cuda")
    assert (asked.returncode, asked.stdout) == (1, "")
    assert "SetupError: FFmpeg cannot decode on cuda here" in asked.stderr
    assert "REELSIGHT_DECODE_DEVICE" in asked.stderr


@pytest.mark.skipif(not has_gpu(), reason="there is no NVIDIA GPU")
def test_frames_of_a_gpu_are_the_same_ones(tmp_path: Path) -> None:
    path = render(tmp_path / "clip.mp4", Clip(options={"g": "10", "bf": "2", "preset": "veryfast"}))
    media, index = probe(path)
    for wanted in (None, index.keyframes, index.keyframes + 7):
        frames = read(path, media, index, Stretch(0, 40), wanted, DecodeLimits(device="cuda"))
        numbers = range(40) if wanted is None else wanted.tolist()
        assert [(frame.index, number_shown(frame.luma())) for frame in frames] == [(n, n) for n in numbers]


def test_the_cpu_is_the_default_and_needs_nothing() -> None:
    assert decode_limits(Settings()).device == "cpu"
    assert accelerator("cpu", "h264") is None
    require("cpu")


def test_the_setting_reaches_the_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELSIGHT_DECODE_DEVICE", "cuda")
    assert decode_limits(Settings()).device == "cuda"


def test_an_unknown_device_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELSIGHT_DECODE_DEVICE", "gpu")
    with pytest.raises(SetupError, match=r"REELSIGHT_DECODE_DEVICE: .*'cpu' or 'cuda'"):
        settings_of(None)


def test_which_codecs_a_gpu_knows() -> None:
    assert all(knows("cuda", codec) for codec in ("h264", "hevc", "vp9", "mpeg2video"))
    assert not any(knows("cuda", codec) for codec in ("gif", "theora", "no such codec"))
