"""Exact search by cosine: bytes find who can be among the best, float64 decides.

The answer depends on the vectors alone: neither on the order of rows, nor on the library that multiplies, nor on the machine.
"""

import uuid
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipeline.faces.codes import CodedQueries, encode_queries
from pipeline.faces.matrix import Matrix
from pipeline.media.types import F32
from pipeline.models.products import byte_products

BLOCK = 16_384
"""Rows multiplied at once: their products stay in the processor's cache."""
QUERIES = 32
"""Queries that share one walk over the rows."""
EXACT = 32_768
"""Rows compared exactly at once."""
SPARE = 100_000
"""Candidates beyond the wanted ones that are kept before the hopeless are dropped."""

Found = tuple[float, str]
"""Cosine and face id."""


def search(matrix: Matrix, queries: F32, least: float, limit: int) -> list[list[Found]]:
    """The faces nearest to every query, best first, ties by face id.

    Args:
        matrix: Where to look.
        queries: (Q, DIMENSIONS) rows of length 1.
        least: Least cosine.
        limit: Faces per query, at most.

    Raises:
        ValueError: a query is not finite or of another shape.
    """
    if queries.ndim != 2 or queries.shape[1] != matrix.codes.shape[1] or not np.isfinite(queries).all():
        raise ValueError(f"queries must be finite rows of {matrix.codes.shape[1]}, not {queries.shape}")
    if limit < 1:
        return [[] for _ in queries]
    found: list[list[Found]] = []
    for start in range(0, len(queries), QUERIES):
        part = queries[start : start + QUERIES]
        candidates = _candidates(matrix, encode_queries(part, matrix.error), least, limit)
        found += [_best(matrix, query, rows, least, limit) for query, rows in zip(part, candidates, strict=True)]
    return found


def _candidates(matrix: Matrix, coded: CodedQueries, least: float, limit: int) -> list[NDArray[np.intp]]:
    """Per query the rows among which all wanted ones are."""
    kept = _Kept(coded, least, limit)
    for start in range(0, len(matrix.codes), BLOCK):
        products = byte_products(matrix.codes[start : start + BLOCK], coded.columns)
        at = np.flatnonzero(products >= kept.floors)
        if len(at):
            rows, queries = np.divmod(at, len(kept.floors))
            faces = matrix.known(rows + start)
            kept.add(rows[faces] + start, queries[faces], products.ravel()[at[faces]])
    return kept.rows()


class _Kept:
    """Rows that can still be among the best `limit` of a query."""

    def __init__(self, coded: CodedQueries, least: float, limit: int) -> None:
        self.floors = coded.floors(least)
        self._margins = coded.margins.astype(np.int64)
        self._limit = limit
        self._room = 2 * limit * len(self.floors) + SPARE
        self._count = 0
        self._parts: list[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int32]]] = []

    def add(self, rows: NDArray[np.intp], queries: NDArray[np.intp], products: NDArray[np.int32]) -> None:
        """Keeps rows, one for each query and product."""
        self._parts.append((rows, queries, products))
        self._count += len(rows)
        if self._count > self._room:
            self._drop()

    def rows(self) -> list[NDArray[np.intp]]:
        """What is left, per query."""
        self._drop()
        rows, queries, _ = self._parts[0]
        return np.split(rows, np.searchsorted(queries, np.arange(1, len(self.floors))))

    def _drop(self) -> None:
        """Raises the floors to what the best so far allow, drops what lies below, and sorts the rest by query."""
        rows, queries, products = (np.concatenate(part) for part in zip(*self._parts, _NONE, strict=True))
        order = np.argsort(queries, kind="stable")
        rows, queries, products = rows[order], queries[order], products[order]
        ends = np.searchsorted(queries, np.arange(len(self.floors) + 1))
        for query, (start, end) in enumerate(pairwise(ends)):
            if end - start > self._limit:
                worst = np.partition(products[start:end], -self._limit)[-self._limit]
                self.floors[query] = max(self.floors[query], worst - self._margins[query])
        fit = products >= self.floors[queries]
        self._parts = [(rows[fit], queries[fit], products[fit])]
        self._count = int(fit.sum())
        self._room = max(self._room, 2 * self._count)


_NONE = (np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0, np.int32))


def _best(matrix: Matrix, query: F32, rows: NDArray[np.intp], least: float, limit: int) -> list[Found]:
    """The wanted ones among the candidates."""
    parts = [_cosines(matrix.vectors[rows[n : n + EXACT]], query) for n in range(0, len(rows), EXACT)]
    cosines = np.concatenate([*parts, np.empty(0)])
    fit = cosines >= least
    cosines, ids = cosines[fit], matrix.ids(rows[fit])
    order = np.lexsort((ids[:, 1], ids[:, 0], -cosines))[:limit]
    return [(float(cosines[n]), _face_id(ids[n])) for n in order]


def _cosines(vectors: F32, query: F32) -> NDArray[np.float64]:
    """Row by row and always in the same order of additions, whatever stands beside the row; products of float32 are exact."""
    cosines: NDArray[np.float64] = (vectors.astype(np.float64) * query.astype(np.float64)).sum(axis=1)
    return cosines.clip(-1.0, 1.0)


def _face_id(halves: NDArray[np.uint64]) -> str:
    return str(uuid.UUID(int=(int(halves[0]) << 64) | int(halves[1])))
