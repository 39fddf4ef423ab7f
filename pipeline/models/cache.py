"""Pulled models on disk: `<name>/<version>-<fingerprint>.onnx`, and beside it a record with the digest it must have."""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pipeline.errors import ModelError
from pipeline.models.manifest import Entry

STALE_S = 24 * 3600

Condition = Literal["ready", "missing", "damaged"]


@dataclass(frozen=True, slots=True)
class Record:
    """What was written when the model was pulled.

    Attributes:
        sha256: Digest of the ONNX file; conversions need not repeat bit by bit, so the manifest cannot know it.
        size: Bytes of the ONNX file.
        sources: Where each published file came from.
    """

    name: str
    version: str
    licence: str
    recipe: str
    sha256: str
    size: int
    sources: dict[str, str]


class Cache:
    """The folder that holds pulled models; safe for any number of processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, entry: Entry) -> Path:
        """Where the entry's ONNX file is, or would be."""
        return self.folder / entry.name / f"{entry.version}-{entry.fingerprint}.onnx"

    def record(self, entry: Entry) -> Record | None:
        """What is known of the pulled file; None where it was not pulled."""
        try:
            return Record(**json.loads(self._record_path(entry).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise ModelError(
                f"the record of {entry.name} is unreadable ({error}); {_MEND.format(entry.name)}"
            ) from error

    def read(self, entry: Entry) -> tuple[bytes, str]:
        """The entry's ONNX file and its SHA-256, after checking one against the other.

        Raises:
            ModelError: missing or damaged.
        """
        record = self.record(entry)
        if record is None:
            raise ModelError(f"model {entry.name} is not here; {_MEND.format(entry.name)}")
        try:
            raw = self.path(entry).read_bytes()
        except OSError as error:
            raise ModelError(f"model {entry.name} is damaged ({error.strerror}); {_MEND.format(entry.name)}") from error
        if hashlib.sha256(raw).hexdigest() != record.sha256:
            raise ModelError(f"model {entry.name} is damaged; {_MEND.format(entry.name)}")
        return raw, record.sha256

    def condition(self, entry: Entry) -> Condition:
        """What a look at the folder tells, without reading the file itself."""
        try:
            record = self.record(entry)
            if record is None:
                return "missing"
            return "ready" if self.path(entry).stat().st_size == record.size else "damaged"
        except (ModelError, OSError):
            return "damaged"

    def write(self, entry: Entry, raw: bytes, sources: dict[str, str]) -> None:
        """Publishes the file, then its record; a crash in between leaves what the next pull mends."""
        self._replace(self.path(entry), raw)
        digest = hashlib.sha256(raw).hexdigest()
        record = Record(entry.name, entry.version, entry.licence, entry.recipe, digest, len(raw), sources)
        self._replace(self._record_path(entry), json.dumps(asdict(record), indent=2).encode())

    def sweep(self) -> None:
        """Makes the folder, and removes what pulls that were killed long ago left in it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for left in (*self.folder.glob(".pull-*"), *self.folder.glob("*/.*.part")):
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > STALE_S:
                    shutil.rmtree(left) if left.is_dir() else left.unlink()

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder beside the models for what a pull fetches, gone afterwards.

        Raises:
            ModelError: nothing can be written there.
        """
        try:
            self.sweep()
            folder = tempfile.TemporaryDirectory(prefix=".pull-", dir=self.folder)
        except OSError as error:
            raise ModelError(f"models cannot be kept in {self.folder}: {error.strerror}") from error
        with folder as path:
            yield Path(path)

    @contextmanager
    def lock(self, entry: Entry) -> Iterator[None]:
        """Only one process at a time pulls a model; the lock dies with its holder."""
        folder = self.path(entry).parent
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _record_path(self, entry: Entry) -> Path:
        return self.path(entry).with_suffix(".json")

    @staticmethod
    def _replace(path: Path, raw: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


_MEND = "run `reelsight models pull {}`"
