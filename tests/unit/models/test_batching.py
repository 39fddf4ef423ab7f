"""Several threads with one model: fewer runs, the same answers, nobody lost."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from structlog.testing import capture_logs

from pipeline.errors import ModelError
from pipeline.models.batching import BatchedModels, BatchedSession, Crowd
from pipeline.models.session import OnnxSession
from tests.support.models import adding

THREADS = 8


class Gated(OnnxSession):
    """A real session that runs only while its gate is open, and remembers the rows of its runs."""

    def __init__(self, raw: bytes) -> None:
        super().__init__(raw, name="gated", version="1")
        self.gate = threading.Event()
        self.gate.set()
        self.rows: list[int] = []

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        self.gate.wait(30)
        self.rows.append(len(next(iter(inputs.values()))))
        return super().run(inputs)


def model(nodes: list[onnx.NodeProto], shapes: tuple[list[Any], list[Any]], *constants: onnx.TensorProto) -> bytes:
    """A model of `x` and `y`."""
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in zip("xy", shapes, strict=True)
    ]
    graph = helper.make_graph(nodes, "tested", [values[0]], [values[1]], list(constants))
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    return bytes(made.SerializeToString())


def picking() -> bytes:
    """(N, 1) places in, (N, 1) entries of a table of ten out; fails on places beyond."""
    nodes = [
        helper.make_node("Cast", ["x"], ["place"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "place"], ["y"]),
    ]
    table = helper.make_tensor("table", TensorProto.FLOAT, [10], list(range(10)))
    return model(nodes, (["n", 1], ["n", 1]), table)


def summing() -> bytes:
    """(N, 3) in, the sum of all rows (1, 3) out: what it calls its first dimension is no batch."""
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [0])
    return model([helper.make_node("ReduceSum", ["x", "axes"], ["y"], keepdims=1)], (["n", 3], ["m", 3]), axes)


def together(session: BatchedSession, gated: Gated, inputs: Sequence[NDArray[Any]]) -> list[Any]:
    """Outputs or errors of calls that all wait while the first one runs."""
    gated.gate.clear()
    with ThreadPoolExecutor(len(inputs)) as pool:
        asked = [pool.submit(session.run, {"x": one}) for one in inputs]
        time.sleep(0.2)  # they wait for the gate, or for the one that waits for it
        gated.gate.set()
        return [one.exception(30) or one.result(30)[0] for one in asked]


def test_calls_that_wait_share_runs_and_get_their_own_rows() -> None:
    gated = Gated(adding(1.0))
    session = BatchedSession(gated, Crowd())
    inputs = [np.full((n % 3 + 1, 3), n, np.float32) for n in range(THREADS)]
    found = together(session, gated, inputs)
    for given, got in zip(inputs, found, strict=True):
        np.testing.assert_array_equal(got, given + 1)
    assert sum(gated.rows) == sum(map(len, inputs))
    assert len(gated.rows) <= 3, "the first alone, the others together"


def test_only_inputs_of_one_shape_and_type_are_joined_and_no_more_rows_than_allowed() -> None:
    gated = Gated(model([helper.make_node("Identity", ["x"], ["y"])], (["n", "m"], ["n", "m"])))
    session = BatchedSession(gated, Crowd(most_rows=3))
    inputs = [np.full((1 if n else 5, 2 + n % 2), n, np.float32) for n in range(THREADS)]
    found = together(session, gated, inputs)
    for given, got in zip(inputs, found, strict=True):
        np.testing.assert_array_equal(got, given)
    assert max(rows for rows in gated.rows if rows != 5) <= 3
    assert 5 in gated.rows, "one request may have more rows of its own"


def test_one_poison_input_fails_only_itself() -> None:
    gated = Gated(picking())
    session = BatchedSession(gated, Crowd())
    places = [3, 99, 1, 4, 2]
    with capture_logs() as logged:
        found = together(session, gated, [np.array([[place]], np.float32) for place in places])
    assert isinstance(found[1], ModelError)
    assert [event["event"] for event in logged] == ["shared_run_failed"], "a run that is done twice is not hidden"
    assert [float(got[0, 0]) for place, got in zip(places, found, strict=True) if place != 99] == [3, 1, 4, 2]
    with pytest.raises(ModelError, match="gated"):
        session.run({"wrong": np.zeros((1, 1), np.float32)})
    assert session.run({"x": np.array([[7]], np.float32)})[0][0, 0] == 7


@pytest.mark.parametrize(("raw", "answer"), [(summing, lambda x: x.sum(axis=0, keepdims=True))])
def test_what_only_looks_like_a_batch_is_not_joined(
    raw: Callable[[], bytes], answer: Callable[[NDArray[Any]], NDArray[Any]]
) -> None:
    gated = Gated(raw())
    session = BatchedSession(gated, Crowd())
    inputs = [np.full((2, 3), n, np.float32) for n in range(4)]
    for given, got in zip(inputs, together(session, gated, inputs), strict=True):
        np.testing.assert_array_equal(got, answer(given))


def test_a_fixed_first_dimension_takes_turns() -> None:
    gated = Gated(model([helper.make_node("Neg", ["x"], ["y"])], ([1, 3], [1, 3])))
    session = BatchedSession(gated, Crowd())
    inputs = [np.full((1, 3), n, np.float32) for n in range(4)]
    for given, got in zip(inputs, together(session, gated, inputs), strict=True):
        np.testing.assert_array_equal(got, -given)
    assert gated.rows == [1] * 4


def test_who_is_alone_waits_for_nobody_and_who_is_not_is_waited_for() -> None:
    gated = Gated(adding())
    crowd = Crowd(gather_s=20)
    session = BatchedSession(gated, crowd)
    with crowd.request():
        began = time.monotonic()
        session.run({"x": np.zeros((1, 3), np.float32)})
        assert time.monotonic() - began < 10
    arrived = threading.Barrier(2, timeout=10)

    def late(pause_s: float) -> None:
        with crowd.request():
            arrived.wait()
            time.sleep(pause_s)
            session.run({"x": np.zeros((1, 3), np.float32)})

    with ThreadPoolExecutor(2) as pool:
        for call in [pool.submit(late, pause_s) for pause_s in (0.0, 0.2)]:
            call.result(15)
    assert gated.rows == [1, 2]


def test_under_load_nothing_is_lost_and_runs_are_saved() -> None:
    models = BatchedModels(lambda _: gated, lambda _: True, Crowd(gather_s=0.002))
    gated = Gated(adding(2.0))
    calls = 100

    def client(number: int) -> bool:
        session, fine = models.load("adding"), True
        for turn in range(calls):
            with models.crowd.request():
                given = np.full((1, 3), number * calls + turn, np.float32)
                fine &= bool((session.run({"x": given})[0] == given + 2).all())
        return fine

    with ThreadPoolExecutor(THREADS) as pool:
        assert all(pool.map(client, range(THREADS)))
    assert sum(gated.rows) == THREADS * calls
    assert models.runs()["adding"] == len(gated.rows) < THREADS * calls
    assert (models.crowd.inside, models.crowd.under_way) == (0, 0)
