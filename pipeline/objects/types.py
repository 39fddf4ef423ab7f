"""What an object store is: buckets of named bytes, as S3 has them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from pipeline.errors import ReelsightError


class NoSuchObjectError(ReelsightError):
    """The bucket, the object or the version does not exist or may not be read."""


class ObjectRefusedError(NoSuchObjectError):
    """The store refuses us the object, or does not believe our signature."""


class StoreUnavailableError(ReelsightError):
    """The store is away, overloaded, or broke off its answer; it may be there again in a moment."""


class ObjectChangedError(ReelsightError):
    """The object is no longer the one that was asked for."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """Facts of an object.

    Attributes:
        size_bytes: Its length.
        etag: Changes whenever the content does.
        last_modified: When it was written.
    """

    size_bytes: int
    etag: str
    last_modified: datetime


class ObjectStore(Protocol):
    """Buckets of named bytes."""

    def head(self, bucket: str, key: str, version: str | None = None) -> ObjectInfo:
        """Facts of the object.

        Raises:
            NoSuchObjectError: the store has no such object or version, or keeps no versions.
        """

    def read(self, bucket: str, key: str, start: int = 0, stop: int | None = None) -> bytes:
        """Bytes `start` to `stop` (exclusive; None: the end).

        Raises:
            NoSuchObjectError: the store has no such object.
        """

    def local_path(self, bucket: str, key: str, etag: str, version: str | None = None) -> AbstractContextManager[Path]:
        """A file with the object's content, for reading, valid inside the `with` block.

        Raises:
            NoSuchObjectError: the store has no such object.
            ObjectChangedError: the object is not the one with this `etag`.
        """

    def put(self, bucket: str, key: str, data: bytes) -> None:
        """Writes the object whole or not at all."""

    def put_file(self, bucket: str, key: str, path: Path) -> None:
        """Writes the object from a file, whole or not at all."""

    def list(self, bucket: str, prefix: str = "") -> Iterator[str]:
        """Keys that begin with `prefix`."""

    def delete(self, bucket: str, key: str) -> None:
        """Removes the object if it exists."""

    def delete_folder(self, bucket: str, folder: str) -> int:
        """How many objects were removed: all whose key begins with `folder` and a slash; what was half written goes as well."""

    def create_bucket(self, bucket: str) -> None:
        """Makes the bucket unless it exists."""


class Bucket:
    """One bucket of a store."""

    def __init__(self, store: ObjectStore, name: str) -> None:
        self._store = store
        self._name = name

    def create(self) -> None:
        """Makes the bucket unless it exists."""
        self._store.create_bucket(self._name)

    def read(self, key: str, start: int = 0, stop: int | None = None) -> bytes:
        """Bytes `start` to `stop` of the object."""
        return self._store.read(self._name, key, start, stop)

    def put(self, key: str, data: bytes) -> None:
        """Writes the object whole or not at all."""
        self._store.put(self._name, key, data)

    def put_file(self, key: str, path: Path) -> None:
        """Writes the object from a file, whole or not at all."""
        self._store.put_file(self._name, key, path)

    def list(self, prefix: str = "") -> Iterator[str]:
        """Keys that begin with `prefix`."""
        return self._store.list(self._name, prefix)

    def delete_folder(self, folder: str) -> int:
        """How many objects were removed: all whose key begins with `folder` and a slash; what was half written goes as well."""
        return self._store.delete_folder(self._name, folder)
