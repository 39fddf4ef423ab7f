"""Faults of what keeps files: the S3 store and disks."""

import contextlib
import signal
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from tests.support.chaos.installation import Installation
from tests.support.chaos.processes import NotNow
from tests.support.chaos.proxy import Trouble
from tests.support.chaos.shapes import Many

Heal = Callable[[], None]
BLOCK = b"\0" * 65536


def _trouble(trouble: Trouble) -> Callable[[Installation, Random], Heal]:
    def inject(installation: Installation, random: Random) -> Heal:
        assert isinstance(installation, Many)
        installation.front.begin(trouble, random.choice((0.5, 1.0)))
        return installation.front.end

    return inject


def _kill_store(installation: Installation, random: Random) -> Heal:
    assert isinstance(installation, Many)
    installation.store.end(signal.SIGKILL)
    return installation.store.start


def _fill(installation: Installation, random: Random) -> Heal:
    """Not a byte is left on the disk that holds the data directories."""
    ballast = installation.disk / "ballast"
    if not installation.disk_mb:
        raise NotNow
    fill(ballast)
    return lambda: ballast.unlink(missing_ok=True)


def fill(file: Path) -> None:
    """Writes until the disk is full, to the last byte."""
    with file.open("wb", buffering=0) as ballast:
        for block in (BLOCK, BLOCK[:512], BLOCK[:1]):
            with contextlib.suppress(OSError):
                while ballast.write(block):
                    pass


ROWS: tuple[tuple[Any, ...], ...] = (
    ("S3 answers 500", "store", _trouble(Trouble.ERROR), (2.0, 8.0), ("many",)),
    ("S3 answers 503", "store", _trouble(Trouble.UNAVAILABLE), (2.0, 8.0), ("many",)),
    ("S3 is slow", "store", _trouble(Trouble.SLOW), (3.0, 10.0), ("many",)),
    ("S3 truncates answers", "store", _trouble(Trouble.TRUNCATED), (3.0, 10.0), ("many",)),
    ("S3 resets connections", "store", _trouble(Trouble.RESET), (2.0, 8.0), ("many",)),
    ("kill -9 S3 server", "store", _kill_store, (0.5, 4.0), ("many",)),
    ("disk full", "disk", _fill, (2.0, 8.0), ("one", "many")),
)
"""Name, part, how, how long, in which shapes; see `faults.Fault`."""
