"""The files that hold a copy of a collection's vectors on this machine: a cache that any process may fill and anybody may delete.

A folder holds `lock`, `state` and three files of data that the state names. Data is written behind the rows that the state
counts, then the state is replaced: who is killed in between has changed nothing that anybody reads. Files are never cut,
so mapped ones stay whole, and they have room for more rows than they hold, so that they need not be mapped again for each.
"""

import fcntl
import json
import math
import os
import secrets
import shutil
import time
import zlib
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO

import numpy as np

from pipeline.faces.codes import encode
from pipeline.faces.maps import STRIDES, Maps
from pipeline.faces.matrix import ROW, Matrix
from pipeline.media.types import F32

FORMAT = 1
"""Changed when files of before cannot be read."""
LEAST_ROOM = 1024
"""Rows that files are made for; larger ones grow by an eighth."""
POLL_S = 0.001, 0.02
"""How often a lock is tried, at first and later."""


@dataclass(frozen=True, slots=True)
class State:
    """What the files hold.

    Attributes:
        files: Part of their names; another one after every new beginning.
        rows: How many count, those of removed faces included.
        removed: How many of them are of removed faces.
        next_position: Position up to which faces were read.
        revision: Of the collection: up to this one, removed faces are marked.
        error: Greatest distance of a vector from its code.
        complete: Whether all faces of that revision are there.
        format: See `FORMAT`.
    """

    files: str
    rows: int = 0
    removed: int = 0
    next_position: int = 0
    revision: int = 0
    error: float = 0.0
    complete: bool = True
    format: int = FORMAT


class BusyError(Exception):
    """Somebody else on this machine writes the files."""


class MatrixFiles:
    """The files of one collection in a folder of their own; safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._maps: Maps | None = None

    @contextmanager
    def locked(self, until: float = math.inf) -> Iterator[None]:
        """Nobody else on this machine writes the files inside the block; `until`: by `time.monotonic`, how long to wait for that.

        Raises:
            BusyError: somebody still does.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "lock").open("w") as lock:
            _take(lock, until)
            yield

    def state(self) -> State | None:
        """What the files hold; None: nothing that can be read."""
        try:
            checksum, _, text = (self._folder / "state").read_bytes().partition(b"\n")
            if int(checksum, 16) != zlib.crc32(text):
                return None
            state = State(**json.loads(text))
            sizes = {kind: self._path(state, kind).stat().st_size for kind in STRIDES}
        except (OSError, ValueError, TypeError):
            return None
        whole = all(sizes[kind] >= state.rows * stride for kind, stride in STRIDES.items())
        return state if state.format == FORMAT and whole else None

    def begin(self) -> State:
        """The state of new, empty files; the old ones are gone, whoever has mapped them keeps them."""
        for path in self._folder.iterdir():
            if path.name != "lock":
                path.unlink(missing_ok=True)
        state = State(secrets.token_hex(8))
        for kind in STRIDES:
            self._path(state, kind).touch()
        return state

    def discard(self, until: float = math.inf) -> None:
        """Has whoever comes next begin anew; see `locked`.

        Raises:
            BusyError: somebody else writes them.
        """
        with self.locked(until):
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
                _make_room(file, STRIDES[kind], state.rows + len(positions))
                file.seek(state.rows * STRIDES[kind])
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
        for kind in STRIDES:
            _sync(self._path(state, kind))
        text = json.dumps(asdict(state)).encode()
        partial = self._folder / "state.partial"
        partial.write_bytes(b"%08x\n%b" % (zlib.crc32(text), text))
        _sync(partial)
        partial.replace(self._folder / "state")

    def open(self, state: State) -> Matrix:
        """The files, mapped."""
        maps = self._maps
        if maps is None or maps.files != state.files or maps.room < state.rows:
            paths = {kind: self._path(state, kind) for kind in STRIDES}
            self._maps = maps = Maps(state.files, paths)
        return maps.matrix(state.rows, state.error, state.revision)

    @property
    def mapped_bytes(self) -> int:
        """Address space that is taken."""
        return self._maps.mapped_bytes if self._maps else 0

    def _path(self, state: State, kind: str) -> Path:
        return self._folder / f"{state.files}.{kind}"


def prune(folder: Path, living: Set[str]) -> None:
    """Deletes the files of collections that are gone; whoever has mapped them keeps them."""
    for path in [*folder.iterdir()] if folder.is_dir() else []:
        if path.name not in living:
            shutil.rmtree(path, ignore_errors=True)


def _take(lock: IO[str], until: float) -> None:
    if until == math.inf:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return
    pause, longest = POLL_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise BusyError from None
            time.sleep(pause)
            pause = min(2 * pause, longest)
        else:
            return


def _make_room(file: IO[bytes], stride: int, rows: int) -> None:
    """Makes the file long enough for so many rows, and for more; what is not written takes no room on disk."""
    if os.fstat(file.fileno()).st_size < rows * stride:
        file.truncate(max(LEAST_ROOM, rows + rows // 8) * stride)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
