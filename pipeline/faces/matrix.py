"""The vectors of a collection as they lie in mapped files, and the rows that stand for faces."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.media.types import F32
from pipeline.store.faces import DIMENSIONS

__all__ = ["DIMENSIONS", "ROW", "Matrix"]

ROW = np.dtype([("position", "<i8"), ("high", "<u8"), ("low", "<u8")])
"""Position in the collection and the two halves of the face's UUID, both 0 once the face is removed."""


class Vectors(Protocol):
    """(N, DIMENSIONS) float32, of length 1, of which few rows are looked at."""

    def __getitem__(self, rows: NDArray[np.intp]) -> F32:
        """A copy of these rows."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """Faces by row, in the order of arrival; rows of removed faces stay, without a face.

    Attributes:
        vectors: See `Vectors`.
        codes: (N, DIMENSIONS) uint8, see `codes.encode`.
        rows: (N,) of `ROW`.
        error: Greatest distance of a vector from its code.
        revision: Of the collection that this is.
    """

    vectors: Vectors
    codes: NDArray[np.uint8]
    rows: NDArray[np.void]
    error: float
    revision: int

    def known(self, numbers: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Which of these rows stand for a face."""
        found = self.rows[numbers]
        known: NDArray[np.bool_] = (found["high"] | found["low"]) != 0
        return known

    def ids(self, numbers: NDArray[np.intp]) -> NDArray[np.uint64]:
        """(len, 2) halves of the face ids of these rows."""
        found = self.rows[numbers]
        return np.stack([found["high"], found["low"]], axis=1)
