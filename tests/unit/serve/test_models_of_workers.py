"""Workers that look at pictures have their models before they take work."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from api.cli import main
from pipeline.models.manifest import read_manifest
from tests.support.models import adding

NOWHERE = "http://127.0.0.1:9"


class Begun(SystemExit):
    """The process would be the worker now."""


@pytest.fixture(autouse=True)
def _nothing_can_be_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Registries are out of reach, no models are here, and whoever becomes a worker stops."""

    def begin(program: str, command: list[str], environment: dict[str, str]) -> None:
        assert command[1:3] == ["-m", "celery"]
        raise Begun(77)

    monkeypatch.setattr(os, "execve", begin)
    monkeypatch.setenv("REELSIGHT_MODELS_DIR", str(tmp_path / "models"))
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "NPM_CONFIG_REGISTRY", "npm_config_registry"):
        monkeypatch.setenv(name, NOWHERE)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


def worker(tmp_path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["worker", *arguments, "--data-dir", str(tmp_path)])


@pytest.mark.parametrize("arguments", [["-Q", "video"], ["-Q", "control,images", "--supervised"]])
def test_a_worker_does_not_begin_without_models_that_cannot_be_pulled(
    arguments: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ended = worker(tmp_path, *arguments)
    assert ended.exit_code == 1
    assert "Pulling" in ended.output
    assert "Error: of the models face-yunet, " in ended.output
    assert str(tmp_path / "models") in ended.output
    reason = capfd.readouterr().err
    assert NOWHERE in reason
    assert "Traceback" not in reason


@pytest.mark.parametrize("queues", ["video", "images", "video,control"])
def test_a_worker_whose_models_are_all_here_asks_no_registry(
    queues: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.onnx").write_bytes(adding())
    wanted = [name for name, entry in read_manifest().items() if entry.default]
    (tmp_path / "models.toml").write_text("".join(f'[{name}]\nfile = "own.onnx"\n' for name in wanted))
    monkeypatch.setenv("REELSIGHT_MODELS_FILE", str(tmp_path / "models.toml"))
    begun = worker(tmp_path, "-Q", queues)
    assert (begun.exit_code, begun.output) == (77, "")
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("queues", ["control", "notify", "control,notify"])
def test_a_worker_that_looks_at_nothing_needs_no_models(queues: str, tmp_path: Path) -> None:
    begun = worker(tmp_path, "-Q", queues)
    assert (begun.exit_code, begun.output) == (77, "")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("no folder")
    ended = CliRunner().invoke(main, ["models", "pull", "--data-dir", str(tmp_path)])
    assert (ended.exit_code, ended.output) == (
        1,
        f"Error: models cannot be kept in {tmp_path / 'models'}: File exists\n",
    )
