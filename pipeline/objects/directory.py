"""Buckets as directories: a file put at ROOT/<bucket>/<key> is an object at once."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pipeline.objects.types import NoSuchObjectError, ObjectChangedError, ObjectInfo

_PARTIAL = ".reelsight-partial-"


class DirectoryStore:
    """An `ObjectStore` of plain files; keeps no versions."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def head(self, bucket: str, key: str, version: str | None = None) -> ObjectInfo:
        """Facts of the file."""
        if version is not None:
            raise NoSuchObjectError(f"{bucket}/{key} has no version {version!r}: this store keeps no versions")
        return _info(self._existing(bucket, key))

    def read(self, bucket: str, key: str, start: int = 0, stop: int | None = None) -> bytes:
        """Bytes `start` to `stop`."""
        with self._existing(bucket, key).open("rb") as file:
            file.seek(start)
            return file.read(-1 if stop is None else stop - start)

    @contextmanager
    def local_path(self, bucket: str, key: str, etag: str, version: str | None = None) -> Iterator[Path]:
        """The file itself."""
        if self.head(bucket, key, version).etag != etag:
            raise ObjectChangedError(f"{bucket}/{key} was replaced")
        path = self._existing(bucket, key)
        yield path
        # Who wrote into the file meanwhile has changed what was read; one that is gone was read to the end.
        if path.is_file() and _info(path).etag != etag:
            raise ObjectChangedError(f"{bucket}/{key} was replaced")

    def put(self, bucket: str, key: str, data: bytes) -> None:
        """Writes the file under another name first."""
        with self._replacing(bucket, key) as partial:
            partial.write_bytes(data)

    def put_file(self, bucket: str, key: str, path: Path) -> None:
        """Copies the file under another name first."""
        with self._replacing(bucket, key) as partial:
            shutil.copyfile(path, partial)

    def list(self, bucket: str, prefix: str = "") -> Iterator[str]:
        """Keys in no order; walks only the directory that the prefix names."""
        root = self._inside(bucket)
        start = root / prefix[: prefix.rfind("/") + 1] if "/" in prefix else root
        for directory, folders, names in os.walk(start):
            folders[:] = [name for name in folders if not name.startswith(_PARTIAL)]
            for name in names:
                key = (Path(directory) / name).relative_to(root).as_posix()
                if key.startswith(prefix):
                    yield key

    def delete(self, bucket: str, key: str) -> None:
        """Removes the file, and directories that it leaves empty."""
        path = self._inside(bucket, key)
        path.unlink(missing_ok=True)
        self._remove_empty(path)

    def delete_folder(self, bucket: str, folder: str) -> int:
        """Removes the directory with what processes that were killed have left in it, and directories that it leaves empty."""
        path = self._inside(bucket, folder.removesuffix("/"))
        count = sum(1 for _ in self.list(bucket, f"{folder.removesuffix('/')}/"))
        shutil.rmtree(path, ignore_errors=True)
        self._remove_empty(path)
        return count

    def _remove_empty(self, path: Path) -> None:
        for parent in path.relative_to(self._root).parents:
            if len(parent.parts) < 2 or not _removed_empty(self._root / parent):
                return

    def create_bucket(self, bucket: str) -> None:
        """Makes the directory."""
        self._inside(bucket).mkdir(parents=True, exist_ok=True)

    def _existing(self, bucket: str, key: str) -> Path:
        path = self._inside(bucket, key)
        try:
            found = path.is_file()
        except OSError:  # for example a name longer than the file system knows
            found = False
        if not found:
            raise NoSuchObjectError(f"{bucket}/{key} does not exist")
        return path

    @contextmanager
    def _replacing(self, bucket: str, key: str) -> Iterator[Path]:
        target = self._inside(bucket, key)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=_PARTIAL) as directory:
            partial = Path(directory) / "data"
            yield partial
            partial.replace(target)

    def _inside(self, bucket: str, key: str | None = None) -> Path:
        """The file of an object, never outside of its bucket, whatever its name and the links below it say."""
        if bucket in {"", ".", ".."} or "/" in bucket or "\0" in bucket + (key or ""):
            raise NoSuchObjectError(f"{bucket!r} is no bucket")
        root = self._root / bucket
        if key is None:
            return root
        parts = key.split("/")
        if any(part in {"", ".", ".."} for part in parts):
            raise NoSuchObjectError(f"{key!r} is no object of this store")
        path = root.joinpath(*parts)
        if not _resolved(path).is_relative_to(_resolved(root)):
            raise NoSuchObjectError(f"{bucket}/{key} leads out of its bucket")
        return path


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, UnicodeEncodeError):  # a loop of links, or a name that no file can have
        raise NoSuchObjectError(f"{path.name!r} is no object of this store") from None


def _info(path: Path) -> ObjectInfo:
    stat = path.stat()
    etag = f"{stat.st_ino:x}-{stat.st_size:x}-{stat.st_mtime_ns:x}"
    return ObjectInfo(stat.st_size, etag, datetime.fromtimestamp(stat.st_mtime, UTC))


def _removed_empty(directory: Path) -> bool:
    try:
        directory.rmdir()
    except OSError:
        return False
    return True
