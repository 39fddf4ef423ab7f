"""What the comparison with a GPU says, and that it measures nothing where there is none."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.models.session import OnnxSession
from scripts import gpu_arguments, gpu_runs
from scripts.gpu_figures import WAYS, models_table, runs_table
from tests.support.models import adding


def test_models_are_told_as_times_of_the_cpu() -> None:
    ms = {"cpu": 80.0, "cuda, plain": 10.0, "cuda": 8.0}
    off = {"cuda, plain": 0.0, "cuda": 0.00012}
    row = {"model": "faces", "batch": 8, "nodes": [90, 100], "ms": ms, "off": off}
    assert models_table([row], WAYS) == [
        "| model | batch | CPU, ms a picture | cuda, plain: times | cuda: times | tensorrt: times | off by | nodes on the GPU |",
        "|---|---|---|---|---|---|---|---|",
        "| faces | 8 | 10.00 | 8.0 | 10.0 | – | 1e-04 | 90 of 100 |",
    ]


def test_runs_are_told_as_times_of_the_first() -> None:
    runs = [
        {"device": "cpu", "decode_device": "cpu", "wall_s": 12.0, "cpu_s": 20.0},
        {"device": "cuda", "decode_device": "cuda", "wall_s": 3.0, "cpu_s": 4.0},
    ]
    assert runs_table(runs)[2:] == [
        "| cpu | cpu | 12.00 | 1.0 | 20.00 | 1.0 |",
        "| cuda | cuda | 3.00 | 4.0 | 4.00 | 5.0 |",
    ]


def test_every_way_is_run_and_answers_are_compared() -> None:
    """With sessions of the CPU in place of others; one of them answers differently."""
    one = OnnxSession(adding(1.0), name="one", version="1")
    other = OnnxSession(adding(1.5), name="other", version="1")
    found = gpu_runs.compared({"cpu": one, "cuda": one, "tensorrt": other}, {"x": np.ones((2, 3), np.float32)}, 2)
    assert tuple(found["ms"]) == WAYS
    assert all(ms > 0 for ms in found["ms"].values())
    assert found["off"] == {"cuda, plain": 0.0, "cuda": 0.0, "tensorrt": 0.25}


def test_without_a_gpu_nothing_is_measured(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    with pytest.raises(SystemExit) as ended:
        gpu_runs.require(["cuda"])
    assert ended.value.code == gpu_runs.NO_DEVICE
    assert "There is nothing to measure: REELSIGHT_DEVICE is cuda" in capsys.readouterr().err


@pytest.fixture
def video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Something that passes for a video; where it is, there are no models."""
    monkeypatch.setenv("REELSIGHT_MODELS_DIR", str(tmp_path / "models"))
    (tmp_path / "clip.mp4").touch()
    return str(tmp_path / "clip.mp4")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--batches", "4", "0"], "argument --batches: at least 1, not 0"),
        (["--batches", "many"], "argument --batches: invalid count value: 'many'"),
        (["--rounds", "0"], "argument --rounds: at least 1, not 0"),
        (["--repeat", "-1"], "argument --repeat: at least 1, not -1"),
        (["--model", "labels-none"], "no models are called labels-none; `reelsight models list`"),
        (["--model", "face-yunet"], "not to be used here: face-yunet; `reelsight models pull`"),
        (["--analyses", "labels,lables"], "no analyses are called lables; choose from"),
        (["--json", "."], "--json: . is a folder"),
        (["--json", "nowhere/figures.json"], "--json: there is no folder nowhere"),
    ],
)
def test_what_makes_no_sense_is_said_before_anything_is_measured(
    given: list[str], said: str, video: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        gpu_arguments.parsed("", [video, *given])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_what_is_to_be_measured(video: str, tmp_path: Path) -> None:
    given = [video, "--batches", "2", "16", "--rounds", "3", "--json", str(tmp_path / "figures.json"), "--tensorrt"]
    found = gpu_arguments.parsed("", given)
    assert (found.batches, found.rounds, found.repeat, found.tensorrt) == ([2, 16], 3, 3, True)
    assert (found.video, found.json) == (Path(video), tmp_path / "figures.json")
    assert not found.model
