import platform
import sys
from pathlib import Path

import pytest

from pipeline.errors import ModelError
from pipeline.models.convert import paddle as module
from pipeline.models.convert.paddle import REQUIREMENT, WHEELS, exporter, paddle
from pipeline.models.sources import Sources
from tests.support.models import links

MACHINE = platform.machine()


def test_a_wheel_of_another_hash_is_never_run(tmp_path: Path) -> None:
    _, tag = exporter()
    name, version = REQUIREMENT.split("==")
    (tmp_path / f"{name}-{version}-{tag}-{tag}-manylinux_2_17_{MACHINE}.manylinux2014_{MACHINE}.whl").write_bytes(
        b"evil"
    )
    files = {"a.pdmodel": tmp_path / "a.pdmodel", "a.pdiparams": tmp_path / "a.pdiparams"}
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with pytest.raises(ModelError, match="is not the file Reelsight knows"):
        paddle(files, Sources(scratch, links(tmp_path)))


def test_an_older_interpreter_on_the_path_helps_a_newer_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tag = max(tag for tag, machine in WHEELS if machine == MACHINE)
    monkeypatch.setattr(sys, "version_info", _Version(3, 99))
    launcher = tmp_path / f"python3.{tag[3:]}"
    launcher.write_text(f"#!/bin/sh\necho {tag}\n")
    launcher.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert exporter() == (str(launcher), tag)


@pytest.mark.parametrize(
    "place", [".pyenv/versions/3.{}.4/bin/python", ".local/share/uv/python/cpython-3.{}.4-linux/bin/python3.{}"]
)
def test_interpreters_of_version_managers_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    tag = min(tag for tag, machine in WHEELS if machine == MACHINE)
    monkeypatch.setattr(sys, "version_info", _Version(3, 99))
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    python = tmp_path / place.format(tag[3:], tag[3:])
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\necho {tag}\n")
    python.chmod(0o755)
    assert exporter() == (str(python), tag)


def test_without_any_suitable_interpreter_the_message_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", _Version(3, 99))
    dead = tmp_path / "python3.12"
    dead.write_text("#!/bin/sh\necho not installed >&2\nexit 127\n")
    dead.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ModelError, match=r"this is cp399 on .*Install a python3\.12"):
        exporter()


def test_a_crash_of_the_converter_is_a_model_error(tmp_path: Path) -> None:
    extension = tmp_path / "paddle2onnx_cpp2py_export.so"
    extension.write_bytes(b"not a library")
    with pytest.raises(ModelError, match=r"conversion of a\.pdmodel failed"):
        module._export(sys.executable, extension, tmp_path / "a.pdmodel", tmp_path / "b", tmp_path / "out.onnx")


class _Version(tuple):
    """Stands for `sys.version_info` of another interpreter."""

    def __new__(cls, major: int, minor: int):
        return super().__new__(cls, (major, minor))

    @property
    def major(self) -> int:
        return self[0]

    @property
    def minor(self) -> int:
        return self[1]
