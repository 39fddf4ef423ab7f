"""A flame graph of a piece of work of this process, by py-spy, with nothing in it of the machine that made it."""

import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.sax.saxutils import escape

RATE_HZ = 100
MOST_BYTES = 400_000
_BEGUN_S, _DRAWN_S = 30.0, 60.0
_PR_SET_PTRACER, _ANYONE = 0x59616D61, -1
_FOLDERS = re.compile(r"(?<![\w.])(?:[A-Za-z]:)?(?:[/\\][\w.+@-]+)+[/\\](?=[\w.+@-]+\.(?:py|pyx|so)\b)")
"""Folders before the name of a file with code."""
_TITLE = re.compile(r'(<text id="title"[^>]*>)[^<]*<')


@contextmanager
def drawn(svg: Path, title: str) -> Iterator[None]:
    """Draws what is done inside; SVG of less than `MOST_BYTES`.

    Raises:
        RuntimeError: py-spy is not there, cannot watch this process, or does not draw; or the picture is too large.
    """
    _allow_watching()
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder, "flame.svg")
        watcher = _watching(picture, Path(folder, "said"))
        try:
            yield
        finally:
            ended = _ended(watcher)
        if not ended:
            raise RuntimeError(f"py-spy did not draw within {_DRAWN_S:g} s")
        if not picture.is_file():
            raise RuntimeError(f"py-spy drew nothing: {Path(folder, 'said').read_text(errors='replace').strip()}")
        content = anonymous(picture.read_text(encoding="utf-8"), title)
    if len(content.encode()) >= MOST_BYTES:
        raise RuntimeError(
            f"the flame graph has {len(content.encode())} bytes, {MOST_BYTES} are allowed; choose a shorter video"
        )
    svg.write_text(content, encoding="utf-8")


def program() -> str:
    """Where py-spy is: beside this Python, or wherever the shell finds it.

    Raises:
        RuntimeError: nowhere.
    """
    found = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")
    if found is None:
        raise RuntimeError("there is no py-spy to draw a flame graph; install it: scripts/setup bench .venv-peers")
    return found


def anonymous(svg: str, title: str) -> str:
    """The picture without folders, and with another title."""
    kept = [part for part in sys.path if len(part) > 1]
    for part in sorted(kept, key=len, reverse=True):
        svg = svg.replace(f"{part}/", "")
    svg = _TITLE.sub(lambda found: f"{found[1]}{escape(title)}<", svg)  # py-spy puts its command line there
    return _FOLDERS.sub("", svg)


def _allow_watching() -> None:
    """Lets any process of this user watch this one, where Linux would let only its parents."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(_ANYONE), 0, 0, 0)


def _watching(picture: Path, said: Path) -> "subprocess.Popen[bytes]":
    """py-spy, once it samples.

    Raises:
        RuntimeError: it cannot.
    """
    command = [program(), "record", "--pid", str(os.getpid()), "--format", "flamegraph", "--output", str(picture)]
    with said.open("wb") as told:
        watcher = subprocess.Popen([*command, "--rate", str(RATE_HZ), "--function"], stdout=told, stderr=told)
    try:
        _wait_until_it_samples(watcher, said)
    except BaseException:
        _kill(watcher)
        raise
    return watcher


def _wait_until_it_samples(watcher: "subprocess.Popen[bytes]", said: Path) -> None:
    until = time.monotonic() + _BEGUN_S
    while "Sampling process" not in said.read_text(errors="replace"):
        if watcher.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"py-spy did not begin: {said.read_text(errors='replace').strip()}")
        time.sleep(0.05)


def _ended(watcher: "subprocess.Popen[bytes]") -> bool:
    """Whether py-spy draws and ends when it is told to; it is gone afterwards in any case."""
    watcher.send_signal(signal.SIGINT)  # it draws then
    try:
        watcher.wait(_DRAWN_S)
    except subprocess.TimeoutExpired:
        return False
    finally:
        _kill(watcher)
    return True


def _kill(watcher: "subprocess.Popen[bytes]") -> None:
    """Ends py-spy if it has not ended."""
    watcher.kill()
    watcher.wait()
