"""The search among vectors against the plainest one there is."""

import uuid

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.faces import search as module
from pipeline.faces.codes import STEPS, encode, encode_queries
from pipeline.faces.matrix import DIMENSIONS, ROW, Matrix
from pipeline.faces.search import Found, search
from pipeline.media.types import F32
from pipeline.models.products import MAX_RIGHT, ZERO, byte_products


def unit(vectors: F32) -> F32:
    return (vectors / np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)).astype(np.float32)


def random_vectors(seed: int, count: int, clusters: int) -> F32:
    """Around a few centres, with exact copies among them, and with rows that codes can hardly hold."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((clusters, DIMENSIONS))
    vectors = centres[random.integers(0, clusters, count)] + random.standard_normal((count, DIMENSIONS)) * 0.7
    vectors[::5] = np.eye(DIMENSIONS)[random.integers(0, DIMENSIONS, len(vectors[::5]))]
    copies = random.integers(0, count, count // 3)
    vectors[: len(copies)] = vectors[copies]
    return unit(vectors.astype(np.float32))


def matrix_of(vectors: F32, seed: int = 0, removed: int = 0) -> Matrix:
    codes, error = encode(vectors)
    rows = np.zeros(len(vectors), ROW)
    random = np.random.default_rng(seed)
    rows["position"] = np.arange(len(vectors))
    rows["high"], rows["low"] = random.integers(1, 2**63, (2, len(vectors)))
    gone = random.permutation(len(vectors))[:removed]
    rows["high"][gone] = rows["low"][gone] = 0
    return Matrix(vectors, codes, rows, error, 1)


def brute(matrix: Matrix, query: F32, least: float, limit: int) -> list[Found]:
    """One face after the other."""
    found = []
    for row, vector in zip(matrix.rows, matrix.vectors[np.arange(len(matrix.rows))], strict=True):
        cosine = float(np.clip((vector.astype(np.float64) * query.astype(np.float64)).sum(), -1, 1))
        number = (int(row["high"]) << 64) | int(row["low"])
        if number and cosine >= least:
            found.append((cosine, str(uuid.UUID(int=number))))
    return sorted(found, key=lambda one: (-one[0], one[1]))[:limit]


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    count=st.integers(1, 300),
    clusters=st.integers(1, 5),
    removed=st.integers(0, 300),
    queries=st.integers(1, 6),
    least=st.sampled_from([-1.0, 0.0, 0.2, 0.363, 0.7, 0.999999, 1.0]),
    limit=st.sampled_from([1, 2, 7, 4096]),
    block=st.sampled_from([1, 16, 100, 16_384]),
    spare=st.sampled_from([0, 10, 100_000]),
)
def test_the_answer_is_that_of_looking_at_every_face(
    *,
    seed: int,
    count: int,
    clusters: int,
    removed: int,
    queries: int,
    least: float,
    limit: int,
    block: int,
    spare: int,
) -> None:
    matrix = matrix_of(random_vectors(seed, count, clusters), seed, min(removed, count))
    asked = np.concatenate([random_vectors(seed + 1, queries, clusters), matrix.vectors[:2]])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        patch.setattr(module, "SPARE", spare)
        patch.setattr(module, "QUERIES", 4)
        assert search(matrix, asked, least, limit) == [brute(matrix, query, least, limit) for query in asked]


def test_the_order_of_rows_and_their_neighbours_change_nothing() -> None:
    matrix, query = matrix_of(random_vectors(1, 2000, 3)), random_vectors(2, 1, 3)
    expected = search(matrix, query, 0.0, 50)
    assert len(expected[0]) == 50
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(2000)
        vectors, rows = matrix.vectors[order], matrix.rows[order]
        mixed = Matrix(vectors, encode(vectors)[0], rows, matrix.error, 1)
        assert search(mixed, query, 0.0, 50) == expected


def test_copies_come_in_the_order_of_their_ids() -> None:
    matrix = matrix_of(np.repeat(random_vectors(3, 1, 1), 500, axis=0))
    ids = sorted(str(uuid.UUID(int=(int(row["high"]) << 64) | int(row["low"]))) for row in matrix.rows)
    assert [face for _, face in search(matrix, matrix.vectors[:1], 0.9, 7)[0]] == ids[:7]


def test_products_are_exact_where_sixteen_bits_would_overflow() -> None:
    left = np.full((64, DIMENSIONS), 255, np.uint8)
    left[::2] = 0
    right = np.full((DIMENSIONS, 3), MAX_RIGHT, np.int8)
    right[:, 1], right[::2, 2] = -MAX_RIGHT, -MAX_RIGHT
    expected = (left.astype(np.int64) - ZERO) @ right.astype(np.int64)
    assert (byte_products(left, right) == expected).all()


@given(seed=st.integers(0, 2**32), clusters=st.integers(1, 5))
def test_no_cosine_is_further_off_than_stated(seed: int, clusters: int) -> None:
    vectors, queries = random_vectors(seed, 200, clusters), random_vectors(seed + 1, 5, clusters)
    codes, error = encode(vectors)
    coded = encode_queries(queries, error)
    approximate = byte_products(codes, coded.columns) / (STEPS * coded.scales)
    exact = vectors.astype(np.float64) @ queries.astype(np.float64).T
    assert (np.abs(approximate - exact) <= coded.errors).all()
    assert (coded.errors < 0.11).all()
    assert np.abs(coded.columns).max() <= MAX_RIGHT


def test_nothing_is_found_among_nobody_and_by_who_asks_for_none() -> None:
    empty = matrix_of(np.empty((0, DIMENSIONS), np.float32))
    query = random_vectors(0, 2, 1)
    assert search(empty, query, -1.0, 5) == [[], []]
    assert search(matrix_of(query), query, -1.0, 0) == [[], []]
    assert search(matrix_of(query), query[:0], -1.0, 5) == []


@pytest.mark.parametrize("wrong", [np.full((1, DIMENSIONS), np.nan), np.zeros((1, 3)), np.zeros(DIMENSIONS)])
def test_queries_that_are_none_are_refused(wrong: F32) -> None:
    with pytest.raises(ValueError, match="finite rows of 128"):
        search(matrix_of(random_vectors(0, 2, 1)), wrong.astype(np.float32), 0.0, 1)
