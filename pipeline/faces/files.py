"""The files that hold a copy of a collection's vectors on this machine: a cache that any process may fill and anybody may delete.

A folder holds `lock`, `state` and three files of data that the state names. Data is written behind the rows that the state
counts, then the state is replaced: who is killed in between has changed nothing that anybody reads. Files are never cut,
so mapped ones stay whole.
"""

import fcntl
import json
import os
import secrets
import shutil
import zlib
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.faces.codes import encode
from pipeline.faces.matrix import DIMENSIONS, ROW, Matrix
from pipeline.media.types import F32

FORMAT = 1
"""Changed when files of before cannot be read."""
_STRIDES = {"vectors": DIMENSIONS * 4, "codes": DIMENSIONS, "rows": ROW.itemsize}


@dataclass(frozen=True, slots=True)
class State:
    """What the files hold.

    Attributes:
        files: Part of their names; another one after every new beginning.
        rows: How many count, those of removed faces included.
        removed: How many of them are of removed faces.
        next_position: Position up to which faces were read.
        revision: Of the collection.
        error: Greatest distance of a vector from its code.
        format: See `FORMAT`.
    """

    files: str
    rows: int = 0
    removed: int = 0
    next_position: int = 0
    revision: int = 0
    error: float = 0.0
    format: int = FORMAT


class MatrixFiles:
    """The files of one collection in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else on this machine writes the files inside the block."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def state(self) -> State | None:
        """What the files hold; None: nothing that can be read."""
        try:
            checksum, _, text = (self._folder / "state").read_bytes().partition(b"\n")
            if int(checksum, 16) != zlib.crc32(text):
                return None
            state = State(**json.loads(text))
            sizes = {kind: self._path(state, kind).stat().st_size for kind in _STRIDES}
        except (OSError, ValueError, TypeError):
            return None
        whole = all(sizes[kind] >= state.rows * stride for kind, stride in _STRIDES.items())
        return state if state.format == FORMAT and whole else None

    def begin(self) -> State:
        """The state of new, empty files; the old ones are gone, whoever has mapped them keeps them."""
        for path in self._folder.iterdir():
            if path.name != "lock":
                path.unlink(missing_ok=True)
        state = State(secrets.token_hex(8))
        for kind in _STRIDES:
            self._path(state, kind).touch()
        return state

    def discard(self) -> None:
        """Has whoever comes next begin anew."""
        with self.locked():
            (self._folder / "state").unlink(missing_ok=True)

    def append(self, state: State, positions: Sequence[int], ids: Sequence[bytes], vectors: F32) -> State:
        """The state once these faces are written behind the others; see `commit`.

        Args:
            state: What the files hold.
            positions: Greater than all before, ascending.
            ids: 16 bytes each.
            vectors: (N, DIMENSIONS) of length 1.
        """
        codes, error = encode(vectors)
        rows = np.empty(len(positions), ROW)
        rows["position"] = positions
        halves = np.frombuffer(b"".join(ids), ">u8").reshape(-1, 2)
        rows["high"], rows["low"] = halves[:, 0], halves[:, 1]
        for kind, data in (("vectors", vectors), ("codes", codes), ("rows", rows)):
            with self._path(state, kind).open("r+b") as file:
                file.seek(state.rows * _STRIDES[kind])
                file.write(data.tobytes())
        return replace(state, rows=state.rows + len(positions), error=max(state.error, error))

    def remove(self, state: State, positions: Sequence[int]) -> State:
        """The state once the faces at these positions are marked as removed; others need not be there."""
        if not positions or not state.rows:
            return state
        rows = np.memmap(self._path(state, "rows"), ROW, "r+", shape=(state.rows,))
        wanted = np.asarray(positions, np.int64)
        at = np.minimum(np.searchsorted(rows["position"], wanted), state.rows - 1)
        at = np.unique(at[rows["position"][at] == wanted])
        fresh = at[(rows["high"][at] | rows["low"][at]) != 0]
        rows["high"][fresh] = rows["low"][fresh] = 0
        rows.flush()
        return replace(state, removed=state.removed + len(fresh))

    def commit(self, state: State) -> None:
        """Makes the files hold what the state says."""
        for kind in _STRIDES:
            _sync(self._path(state, kind))
        text = json.dumps(asdict(state)).encode()
        partial = self._folder / "state.partial"
        partial.write_bytes(b"%08x\n%b" % (zlib.crc32(text), text))
        _sync(partial)
        partial.replace(self._folder / "state")

    def open(self, state: State) -> Matrix:
        """The files, mapped."""
        vectors = self._mapped(state, "vectors", np.dtype("<f4"), (DIMENSIONS,))
        codes = self._mapped(state, "codes", np.dtype("u1"), (DIMENSIONS,))
        rows = self._mapped(state, "rows", ROW, ())
        return Matrix(vectors, codes, rows, state.error, state.revision)

    def _mapped(self, state: State, kind: str, dtype: np.dtype, shape: tuple[int, ...]) -> NDArray:  # type: ignore[type-arg]
        if not state.rows:
            return np.empty((0, *shape), dtype)
        return np.asarray(np.memmap(self._path(state, kind), dtype, "r", shape=(state.rows, *shape)))

    def _path(self, state: State, kind: str) -> Path:
        return self._folder / f"{state.files}.{kind}"


def prune(folder: Path, living: Set[str]) -> None:
    """Deletes the files of collections that are gone; whoever has mapped them keeps them."""
    for path in [*folder.iterdir()] if folder.is_dir() else []:
        if path.name not in living:
            shutil.rmtree(path, ignore_errors=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
