"""Vectors as bytes, with what the rounding can change in a cosine at most."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.media.types import F32
from pipeline.models.products import MAX_RIGHT, ZERO

STEPS = 127
"""Steps of a code from 0 to 1."""
ROUNDING = 1e-5
"""More than float32 can round off a component or a norm of a vector of length 1."""


@dataclass(frozen=True, slots=True)
class CodedQueries:
    """Queries in whole numbers; a product of a code with one of them is about `STEPS * scales * cosine`.

    Attributes:
        columns: (D, Q) int8, from -MAX_RIGHT to MAX_RIGHT.
        scales: (Q,) float64: steps from 0 to 1.
        errors: (Q,) float64: most that an approximate cosine is off, codes included.
    """

    columns: NDArray[np.int8]
    scales: NDArray[np.float64]
    errors: NDArray[np.float64]

    def floors(self, least: float) -> NDArray[np.int32]:
        """(Q,) products below which no exact cosine reaches `least`."""
        return _whole(np.floor((least - self.errors) * STEPS * self.scales))

    @property
    def margins(self) -> NDArray[np.int32]:
        """(Q,) how far apart two products must be for the exact cosines to be in the same order."""
        return _whole(np.ceil(2 * self.errors * STEPS * self.scales) + 1)


def encode(vectors: F32) -> tuple[NDArray[np.uint8], float]:
    """(N, D) codes of vectors of length 1, and the greatest distance of a vector from its code."""
    codes = np.clip(np.rint(vectors * np.float32(STEPS)), -STEPS, STEPS)
    lost = vectors - codes / np.float32(STEPS)
    error = float(np.sqrt(np.einsum("ij,ij->i", lost, lost).max(initial=0.0)))
    return (codes + ZERO).astype(np.uint8), error


def encode_queries(queries: F32, code_error: float) -> CodedQueries:
    """(Q, D) queries of length 1, to be compared with codes that are off by `code_error` at most."""
    exact = queries.astype(np.float64)
    greatest = np.abs(exact).max(axis=1, initial=0.0)
    scales = MAX_RIGHT / np.where(greatest > 0, greatest, 1.0)
    columns = np.rint(exact * scales[:, None])
    # |x·q - x'·q'| <= |x - x'| |q| + |x'| |q - q'|, where x' and q' are what the codes stand for
    lost = np.linalg.norm(exact - columns / scales[:, None], axis=1)
    errors = code_error * np.linalg.norm(exact, axis=1) + (1 + code_error) * lost + ROUNDING
    return CodedQueries(np.ascontiguousarray(columns.T.astype(np.int8)), scales, errors)


def _whole(values: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.clip(values, -(2**31), 2**31 - 1).astype(np.int32)
