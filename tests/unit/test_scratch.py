"""Temporary files of processes that were killed are removed by those that come after them, and no others."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import scratch

LIVE = """
import pathlib, sys, tempfile, time
from pipeline import scratch
own = scratch.take(pathlib.Path(sys.argv[1]))
print(tempfile.mkdtemp(), flush=True)
sys.stdin.read()
own.remove()
"""


@pytest.fixture(autouse=True)
def _same_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", tempfile.gettempdir())
    monkeypatch.setattr(tempfile, "tempdir", None)


@pytest.fixture
def living(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process with a folder below `tmp_path`, in which it has made one more."""
    command = [sys.executable, "-c", LIVE, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process


def _made_by(process: "subprocess.Popen[str]") -> Path:
    assert process.stdout
    return Path(process.stdout.readline().strip())


def test_files_of_a_killed_process_are_removed(tmp_path: Path, living: "subprocess.Popen[str]") -> None:
    made = _made_by(living)
    assert made.is_dir()
    assert made.is_relative_to(tmp_path)
    assert scratch.prune(tmp_path) == 0
    assert made.is_dir()
    living.send_signal(signal.SIGKILL)
    living.wait()
    own = scratch.take(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [own.path.name, own.path.name + scratch.LOCK]
    own.remove()
    assert list(tmp_path.iterdir()) == []


def test_who_ends_by_itself_leaves_nothing(tmp_path: Path, living: "subprocess.Popen[str]") -> None:
    _made_by(living)
    living.communicate("")
    assert list(tmp_path.iterdir()) == []


def test_temporary_files_are_made_in_the_folder_and_by_children_too(tmp_path: Path) -> None:
    own = scratch.take(tmp_path)
    assert Path(tempfile.gettempdir()) == own.path
    command = [sys.executable, "-c", "import tempfile; print(tempfile.gettempdir())"]
    assert Path(subprocess.check_output(command, text=True).strip()) == own.path
    own.remove()


def test_a_fork_keeps_the_folder_of_its_parent(tmp_path: Path) -> None:
    own = scratch.take(tmp_path)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    os.close(own.lock)
    assert scratch.prune(tmp_path) == 0
    os.write(writing, b".")
    os.waitpid(child, 0)
    assert scratch.prune(tmp_path) == 1


def test_what_cannot_be_opened_keeps_nobody_from_a_folder(tmp_path: Path) -> None:
    odd = tmp_path / f"1-of-another-user{scratch.LOCK}"
    odd.mkdir()  # opened for writing by nobody, as a file of another user is not by us
    own = scratch.take(tmp_path)
    assert own.path.is_dir()
    own.remove()
    assert list(tmp_path.iterdir()) == [odd]
