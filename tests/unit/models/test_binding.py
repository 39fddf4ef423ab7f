"""Runs with bound inputs answer what other runs do, in memory that stays flat; tried on the CPU, where the same code runs."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.errors import ModelError
from pipeline.models.binding import Bindings
from pipeline.models.convert.dynamic import dynamic
from pipeline.models.session import OnnxSession
from tests.support.models import adding, fixed_picture

THREADS = 8


def bound(raw: bytes, most_bytes: int = 1 << 20) -> OnnxSession:
    session = OnnxSession(raw, name="bound", version="1")
    session._bindings = Bindings(session._session, "cpu", most_bytes)
    return session


def pictures(number: int, rows: int = 2, side: int = 6) -> NDArray[np.float32]:
    return np.random.default_rng(number).random((rows, 3, side, side), np.float32)


def test_bound_runs_answer_what_plain_ones_do() -> None:
    plain, session = OnnxSession(dynamic(fixed_picture()), name="plain", version="1"), bound(dynamic(fixed_picture()))
    for rows, side in ((1, 4), (3, 6), (1, 4), (2, 8), (3, 6)):
        given = {"x": pictures(rows, rows, side)}
        for ours, theirs in zip(session.run(given), plain.run(given), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_answers_stay_what_they_were_while_others_are_made() -> None:
    session = bound(adding(2.0))
    found = [session.run({"x": np.full((2, 3), number, np.float32)})[0] for number in range(5)]
    assert [answer.tolist() for answer in found] == [[[number + 2.0] * 3] * 2 for number in range(5)]


@pytest.mark.parametrize("array", [np.ones((4, 3), np.float32)[::2], np.asfortranarray(np.ones((2, 3), np.float32))])
def test_inputs_may_lie_in_memory_in_any_order(array: NDArray[np.float32]) -> None:
    (found,) = bound(adding()).run({"x": array})
    np.testing.assert_array_equal(found, array + 1)


def test_no_rows_are_answered_with_none() -> None:
    assert bound(adding()).run({"x": np.zeros((0, 3), np.float32)})[0].shape == (0, 3)


def test_calls_side_by_side_do_not_see_each_other() -> None:
    plain, session = OnnxSession(dynamic(fixed_picture()), name="plain", version="1"), bound(dynamic(fixed_picture()))
    given = [{"x": pictures(number, side=6 if number % 3 else 8)} for number in range(60)]
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(session.run, given))
    for inputs, answer in zip(given, found, strict=True):
        assert all(map(np.array_equal, answer, plain.run(inputs)))


def test_what_is_kept_stays_within_its_bound_and_is_used_again() -> None:
    session = bound(adding(), most_bytes=100)
    bindings = session._bindings
    assert bindings is not None
    for rows in (1, 2, 3, 4, 5, 6, 7):
        session.run({"x": np.zeros((rows, 3), np.float32)})
    assert bindings.kept_bytes == 7 * 12
    kept = list(bindings._free)
    session.run({"x": np.zeros((7, 3), np.float32)})
    assert bindings._free == kept
    session.run({"x": np.zeros((99, 3), np.float32)})  # more than may be kept at all
    assert bindings.kept_bytes == 0


@pytest.mark.parametrize(
    "inputs",
    [{}, {"z": np.zeros((1, 3), np.float32)}, {"x": np.zeros((1, 4), np.float32)}, {"x": np.zeros((1, 3), np.float64)}],
)
def test_inputs_that_do_not_fit_are_a_model_error_and_are_not_kept(inputs: Mapping[str, NDArray[np.generic]]) -> None:
    session = bound(adding())
    with pytest.raises(ModelError, match="model bound failed on"):
        session.run(dict(inputs))
    assert session._bindings is not None
    assert session._bindings.kept_bytes == 0
    assert session.run({"x": np.zeros((1, 3), np.float32)})[0].tolist() == [[1.0] * 3]
