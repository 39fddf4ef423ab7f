"""Files fetched once and kept on disk up to a size; several processes share one directory."""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PARTIAL = ".partial"


class FileCache:
    """A directory of fetched files; the least recently used go first, never one that is in use."""

    def __init__(self, directory: Path, max_bytes: int) -> None:
        self._directory = directory
        self._max_bytes = max_bytes

    @contextmanager
    def file(self, identity: tuple[str, ...], fetch: Callable[[Path], None]) -> Iterator[Path]:
        """The file of this identity; `fetch` writes it when it is not there. It stays while the block runs."""
        self._directory.mkdir(parents=True, exist_ok=True)
        path = self._directory / hashlib.sha256("\0".join(identity).encode()).hexdigest()
        with _locked(_lock_of(path), fcntl.LOCK_EX) as lock:
            if not path.exists():
                _fetched(path, fetch)
            os.utime(path)
            fcntl.flock(lock, fcntl.LOCK_SH)
            self._evict()
            yield path

    def _evict(self) -> None:
        """Removes files until the rest fits."""
        files = sorted(self._files(), key=lambda found: found[0])
        excess = sum(size for _, size, _ in files) - self._max_bytes
        for _, size, path in files:
            if excess > 0 and _removed(path):
                excess -= size
        # Whoever was killed while fetching left them, under names of its own choice.
        for partial in self._directory.glob(f"*{_PARTIAL}*"):
            _removed(partial, partial.with_name(partial.name.partition(_PARTIAL)[0]))

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """Time of last use, size and path of every complete file."""
        for path in self._directory.iterdir():
            with suppress(FileNotFoundError):
                stat = path.stat()
                if not path.suffix:
                    yield stat.st_mtime, stat.st_size, path


def _fetched(path: Path, fetch: Callable[[Path], None]) -> None:
    partial = path.with_name(path.name + _PARTIAL)
    try:
        fetch(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _lock_of(path: Path) -> Path:
    return path.with_suffix(".lock")


@contextmanager
def _locked(path: Path, kind: int) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, kind)
        yield descriptor
    finally:
        os.close(descriptor)


def _removed(path: Path, of: Path | None = None) -> bool:
    """Whether nobody used the file, which is part `of` another, and it is gone; its empty lock file stays, others may be waiting for it."""
    try:
        with _locked(_lock_of(of or path), fcntl.LOCK_EX | fcntl.LOCK_NB):
            path.unlink(missing_ok=True)
    except BlockingIOError:
        return False
    return True
