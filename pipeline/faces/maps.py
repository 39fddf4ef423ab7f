"""Files of vectors, mapped: what every search reads as a whole, and windows to what it reads little of."""

import weakref
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.faces.matrix import DIMENSIONS, ROW, Matrix
from pipeline.media.types import F32

STRIDES = {"vectors": DIMENSIONS * 4, "codes": DIMENSIONS, "rows": ROW.itemsize}
"""Kind of file -> bytes of a row."""
WINDOW = 2**21
"""Rows of vectors that are mapped at once, 1 GiB: the address space of a worker is limited."""


class Maps:
    """The files of a collection with their room for rows to come.

    Args:
        files: What they are called.
        paths: Kind -> file.

    Raises:
        FileNotFoundError: one is gone.
    """

    def __init__(self, files: str, paths: Mapping[str, Path]) -> None:
        self.files = files
        self.room = min(path.stat().st_size // STRIDES[kind] for kind, path in paths.items())
        self._vectors = _Windows(paths["vectors"], self.room)
        self._codes: NDArray[np.uint8] = _mapped(paths["codes"], np.dtype("u1"), (self.room, DIMENSIONS))
        self._rows: NDArray[np.void] = _mapped(paths["rows"], ROW, (self.room,))

    @property
    def mapped_bytes(self) -> int:
        """Address space that is taken."""
        return self._codes.nbytes + self._rows.nbytes + min(self.room, WINDOW) * STRIDES["vectors"]

    def matrix(self, rows: int, error: float, revision: int) -> Matrix:
        """The first `rows` rows; see `Matrix`."""
        return Matrix(self._vectors, self._codes[:rows], self._rows[:rows], error, revision)


class _Windows:
    """See `Vectors`; only the window that was looked through last stays mapped."""

    def __init__(self, path: Path, room: int) -> None:
        self._file = path.open("rb")  # it can be looked at when it was deleted, too
        weakref.finalize(self, self._file.close)
        self._room = room
        self._last: tuple[int, F32] = -1, np.empty((0, DIMENSIONS), np.float32)

    def __getitem__(self, rows: NDArray[np.intp]) -> F32:
        found = np.empty((len(rows), DIMENSIONS), np.float32)
        windows = rows // WINDOW
        for window in np.unique(windows):
            there = windows == window
            found[there] = self._window(int(window))[rows[there] - window * WINDOW]
        return found

    def _window(self, number: int) -> F32:
        last, vectors = self._last
        if last != number:
            start = number * WINDOW
            count = min(WINDOW, self._room - start)
            vectors = np.asarray(np.memmap(self._file, "<f4", "r", start * STRIDES["vectors"], (count, DIMENSIONS)))
            self._last = number, vectors
        return vectors


def _mapped(path: Path, dtype: np.dtype, shape: tuple[int, ...]) -> NDArray:  # type: ignore[type-arg]
    return np.asarray(np.memmap(path, dtype, "r", shape=shape)) if shape[0] else np.empty(shape, dtype)
