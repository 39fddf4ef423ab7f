"""A device that is asked for and not there ends a worker when it starts, with a word that says what to mend."""

import os
import subprocess
from pathlib import Path
from typing import Any

import onnx
import pytest
from click.testing import CliRunner

from api.cli import main
from api.commands.processes import worker_command
from pipeline import devices, trial
from pipeline.errors import ModelError, SetupError
from pipeline.models import session
from pipeline.settings import Settings

BLIND = {"CUDA_VISIBLE_DEVICES": "-1"}
"""Processes with this see no GPU, wherever they run."""


@pytest.fixture(autouse=True)
def _blind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    for name in ("REELSIGHT_DEVICE", "REELSIGHT_DECODE_DEVICE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("chosen", "queues"),
    [
        ({}, "video,images"),
        ({"device": "cuda", "decode_device": "cuda"}, "control,notify"),
        ({"decode_device": "cuda"}, "images"),
    ],
)
def test_who_needs_no_device_starts_at_once(
    chosen: dict[str, Any], queues: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "run", None)
    devices.require_devices(Settings(**chosen), queues)


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"device": "tensorrt"}, "REELSIGHT_DEVICE is tensorrt, .*REELSIGHT_DEVICE to cpu"),
        ({"decode_device": "cuda"}, "FFmpeg cannot decode on cuda here .*REELSIGHT_DECODE_DEVICE to cpu"),
    ],
)
def test_a_missing_device_is_named_with_what_to_do(chosen: dict[str, Any], said: str) -> None:
    with pytest.raises(SetupError, match=said):
        devices.require_devices(Settings(**chosen), "video")


@pytest.mark.skipif("cuda" in session.devices(), reason="the ONNX Runtime of the extra `gpu` is installed")
def test_the_package_for_gpus_is_named_where_it_is_missing() -> None:
    with pytest.raises(SetupError, match="install onnxruntime-gpu in place of onnxruntime"):
        devices.require_devices(Settings(device="cuda"), "images")


def test_a_device_that_gives_no_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "PATIENCE_S", 0)
    with pytest.raises(SetupError, match=r"REELSIGHT_DEVICE is cuda.* gave no answer in 0 s"):
        devices.require_devices(Settings(device="cuda"))


def test_the_trial_passes_where_answers_are_right_and_only_there(monkeypatch: pytest.MonkeyPatch) -> None:
    trial.try_out("cpu")
    other = onnx.load_from_string(trial._model())
    other.graph.initializer[0].float_data[0] = 1.5
    monkeypatch.setattr(trial, "_model", other.SerializeToString)
    with pytest.raises(ModelError, match="cpu answers wrongly"):
        trial.try_out("cpu")


@pytest.mark.parametrize("command", [["serve"], ["worker", "--supervised"], ["analyze", __file__]])
def test_commands_end_before_they_begin(command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELSIGHT_DEVICE", "cuda")
    ended = CliRunner().invoke(main, [*command, "--data-dir", str(tmp_path / "data")])
    assert ended.exit_code == 1
    assert "Error: REELSIGHT_DEVICE is cuda" in ended.output
    assert "Traceback" not in ended.output
    assert not (tmp_path / "data").exists()


def test_a_worker_process_ends_by_itself(tmp_path: Path) -> None:
    """So does one that is started again after its GPU has gone: it takes no video only to fail it."""
    environment = {**os.environ, **BLIND, "REELSIGHT_DEVICE": "cuda", "REELSIGHT_DATA_DIR": str(tmp_path)}
    command = worker_command("video", Settings(device="cuda"))
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 1
    assert "Error: REELSIGHT_DEVICE is cuda" in ended.stderr
    assert "Traceback" not in ended.stderr
