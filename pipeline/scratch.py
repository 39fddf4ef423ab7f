"""Temporary files that outlive no process: each has a locked folder for them, and whoever comes by removes the folders of the dead."""

import contextlib
import fcntl
import os
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import structlog

LOCK = ".lock"
"""Suffix of the lock beside a folder; it is made before the folder and removed after it."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Scratch:
    """A folder of this process; its lock is held for as long as the process, or one that it has forked, lives.

    Attributes:
        path: The folder.
        lock: Descriptor of its locked file.
    """

    path: Path
    lock: int

    def remove(self) -> None:
        """Deletes the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        _lock_of(self.path).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            os.close(self.lock)


def take(root: Path) -> Scratch:
    """A folder below `root`, for all that `tempfile` and whatever heeds TMPDIR make from now on; those of dead processes are removed.

    Raises:
        OSError: it cannot be made.
    """
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    prune(root)
    path, lock = _made(root)
    tempfile.tempdir = os.environ["TMPDIR"] = str(path)
    return Scratch(path, lock)


def _made(root: Path) -> tuple[Path, int]:
    while True:
        path = root / f"{os.getpid()}-{secrets.token_hex(4)}"
        lock = os.open(_lock_of(path), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.fstat(lock).st_nlink:
            path.mkdir(mode=0o700)
            return path, lock
        os.close(lock)  # somebody who pruned was faster


def prune(root: Path) -> int:
    """How many folders of processes that have ended were removed."""
    removed = sum(_removed(root / lock.name.removesuffix(LOCK)) for lock in root.glob(f"*{LOCK}"))
    if removed:
        log.info("scratch_pruned", folders=removed)
    return removed


def _removed(path: Path) -> bool:
    """Whether the lock was free, and folder and lock are gone."""
    try:
        lock = os.open(_lock_of(path), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:  # of another user, say: it must not keep this process from having a folder
        log.debug("scratch_not_pruned", folder=str(path), reason=str(error))
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        shutil.rmtree(path, ignore_errors=True)
        _lock_of(path).unlink(missing_ok=True)
        return True
    finally:
        os.close(lock)


def _lock_of(path: Path) -> Path:
    return path.with_name(path.name + LOCK)
