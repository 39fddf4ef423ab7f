"""The commands that need no running service."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.catalog import OPERATIONS

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

Reelsight = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def reelsight(tmp_path: Path) -> Reelsight:
    """Runs `reelsight` on an installation of the test's own."""

    def run(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        own = {name: value for name, value in os.environ.items() if not name.startswith("REELSIGHT_")}
        given = {f"REELSIGHT_{name.upper()}": value for name, value in settings.items()}
        environment = {**own, **given, "REELSIGHT_DATA_DIR": str(tmp_path / "data")}
        command = [sys.executable, "-m", "api.cli", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)

    return run


@pytest.mark.weights
def test_analyze_writes_one_answer_per_analysis(
    reelsight: Reelsight, media: Path, models_dir: Path, tmp_path: Path
) -> None:
    video = media / "videos/cityCC0.mpg"
    done = reelsight("analyze", str(video), "--out", str(tmp_path / "out"), models_dir=str(models_dir))
    assert done.returncode == 0, done.stderr
    answers = {path.stem: json.loads(path.read_text()) for path in (tmp_path / "out").iterdir()}
    assert set(answers) == {operation.analysis for operation in OPERATIONS.values()}
    shots = [s for s in answers["segments"]["Segments"] if s["Type"] == "SHOT"]
    assert [s["StartFrameNumber"] for s in shots] == [0, 116]  # the clip has one hard cut
    assert answers["labels"]["VideoMetadata"]["Codec"] == "mpeg2video"
    assert "mpeg2video 720x405" in done.stdout
    assert "--people" in done.stdout
    assert "reelsight celebrities import" in done.stdout


def test_analyze_says_what_it_cannot_do(reelsight: Reelsight, tmp_path: Path) -> None:
    unknown = reelsight("analyze", __file__, "--analyses", "labels,smells")
    assert unknown.returncode == 2
    assert "smells" in unknown.stderr
    assert reelsight("analyze", str(tmp_path / "absent.mp4")).returncode == 2


@pytest.mark.weights
def test_analyze_says_where_it_cannot_write(
    reelsight: Reelsight, media: Path, models_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    clip, out = media / "videos/cityCC0.mpg", tmp_path / "file" / "out"
    done = reelsight("analyze", str(clip), "--analyses", "faces", "--out", str(out), models_dir=str(models_dir))
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert f"{out} cannot be made" in done.stderr


@pytest.mark.weights
def test_analyze_of_a_text_file_is_one_line(reelsight: Reelsight, models_dir: Path) -> None:
    done = reelsight("analyze", __file__, "--analyses", "faces", models_dir=str(models_dir))
    assert done.returncode == 1
    assert "not a video" in done.stderr
    assert "Traceback" not in done.stderr


def test_keys_are_created_listed_and_revoked(reelsight: Reelsight) -> None:
    key = json.loads(reelsight("keys", "create", "--account", "111122223333").stdout)
    assert set(key) == {"AccessKeyId", "SecretAccessKey", "AccountId"}
    listed = reelsight("keys", "list").stdout
    assert key["AccessKeyId"] in listed
    assert key["SecretAccessKey"] not in listed
    assert reelsight("keys", "revoke", key["AccessKeyId"]).returncode == 0
    assert reelsight("keys", "list").stdout == ""
    again = reelsight("keys", "revoke", key["AccessKeyId"])
    assert (again.returncode, "no access key" in again.stderr) == (1, True)
    assert "12 digits" in reelsight("keys", "create", "--account", "12").stderr


def test_doctor_tells_how_to_mend_an_empty_installation(reelsight: Reelsight) -> None:
    done = reelsight("doctor")
    assert done.returncode == 1
    assert "MEND  models: missing or damaged: " in done.stdout
    assert "reelsight models pull" in done.stdout
    assert "ok    database: sqlite" in done.stdout


def test_a_wrong_setting_is_named(reelsight: Reelsight) -> None:
    done = reelsight("doctor", chunk_s="soon")
    assert done.returncode == 1
    assert "REELSIGHT_CHUNK_S" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_licence_is_asked_for_by_name(reelsight: Reelsight) -> None:
    listed = reelsight("models", "list").stdout
    assert "AGPL-3.0" in listed
    refused = reelsight("models", "pull", "objects-yolo26n")
    assert refused.returncode == 1
    assert "--accept-licence AGPL-3.0" in refused.stderr


def test_jobs_that_do_not_exist_are_named(reelsight: Reelsight) -> None:
    for command in ("show", "cancel", "retry"):
        done = reelsight("jobs", command, "f" * 64)
        assert (done.returncode, "no job ffff" in done.stderr) == (1, True), done.stderr
    assert reelsight("jobs", "list").stdout == ""
