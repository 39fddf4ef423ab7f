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
_BEGUN_S = 30.0
_PR_SET_PTRACER, _ANYONE = 0x59616D61, -1
_FOLDERS = re.compile(r"(?<![\w.])(?:[A-Za-z]:)?(?:[/\\][\w.+@-]+)+[/\\](?=[\w.+@-]+\.(?:py|pyx|so)\b)")
"""Folders before the name of a file with code."""
_TITLE = re.compile(r'(<text id="title"[^>]*>)[^<]*<')


@contextmanager
def drawn(svg: Path, title: str) -> Iterator[None]:
    """Draws what is done inside; SVG of less than `MOST_BYTES`.

    Raises:
        RuntimeError: py-spy cannot watch this process, or the picture is too large.
    """
    _allow_watching()
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder, "flame.svg")
        watcher = _watching(picture, Path(folder, "said"))
        try:
            yield
        finally:
            watcher.send_signal(signal.SIGINT)  # it draws then
            watcher.wait(60)
        if not picture.is_file():
            raise RuntimeError(f"py-spy drew nothing: {Path(folder, 'said').read_text(errors='replace').strip()}")
        content = anonymous(picture.read_text(encoding="utf-8"), title)
    if len(content.encode()) >= MOST_BYTES:
        raise RuntimeError(
            f"the flame graph has {len(content.encode())} bytes, {MOST_BYTES} are allowed; choose a shorter video"
        )
    svg.write_text(content, encoding="utf-8")


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
    program = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or "py-spy"
    command = [program, "record", "--pid", str(os.getpid()), "--format", "flamegraph", "--output", str(picture)]
    with said.open("wb") as told:
        watcher = subprocess.Popen([*command, "--rate", str(RATE_HZ), "--function"], stdout=told, stderr=told)
    until = time.monotonic() + _BEGUN_S
    while "Sampling process" not in said.read_text(errors="replace"):
        if watcher.poll() is not None or time.monotonic() > until:
            watcher.kill()
            raise RuntimeError(f"py-spy did not begin: {said.read_text(errors='replace').strip()}")
        time.sleep(0.05)
    return watcher
