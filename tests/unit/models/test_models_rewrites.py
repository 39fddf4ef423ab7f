"""Rewritten graphs against the graphs that they were, on drawn weights and pictures."""

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from pipeline.errors import ModelError
from pipeline.models.convert.plain import plain
from pipeline.models.convert.rewrites import REWRITES, rewritten
from pipeline.models.session import OnnxSession
from tests.support.models import adding

RANDOM = np.random.default_rng(5)


class Drawn:
    """A graph under construction, with weights drawn as nodes are added."""

    def __init__(self, shape: list[int | str], opset: int = 14) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []
        self.shape, self.opset = shape, opset

    def weights(self, *shape: int, values: NDArray[np.generic] | None = None) -> str:
        drawn = RANDOM.standard_normal(shape).astype(np.float32) if values is None else values
        self.tensors.append(numpy_helper.from_array(drawn, f"w{len(self.tensors)}"))
        return self.tensors[-1].name

    def add(self, kind: str, *inputs: str, to: str = "", **how: object) -> str:
        out = to or f"{kind}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [*inputs], [out], **how))  # type: ignore[arg-type]
        return out

    def file(self, *outputs: str) -> bytes:
        ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        start = helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)
        graph = helper.make_graph(self.nodes, "drawn", [start], ends, self.tensors)
        opsets = [helper.make_opsetid("", self.opset)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        return bytes(onnx.shape_inference.infer_shapes(model).SerializeToString())


def kinds(raw: bytes) -> list[str]:
    return [node.op_type for node in onnx.load_from_string(raw).graph.node]


def assert_same(raw: bytes, changed: bytes, shape: tuple[int, ...]) -> None:
    picture = RANDOM.standard_normal(shape).astype(np.float32)
    old, new = (OnnxSession(each, name="drawn", version="1") for each in (raw, changed))
    for one, other in zip(old.run({"x": picture}), new.run({"x": picture}), strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-4 * float(np.abs(one).max()))


@pytest.mark.parametrize(("low", "high"), [(-0.5, 0.9), (-0.5, 1.2), (0.0, 1.0), (1.0, 1.0)])
def test_prelus_become_convolutions(low: float, high: float) -> None:
    graph = Drawn(["b", 3, "h", "w"])
    mixed = graph.add("Conv", "x", graph.weights(16, 3, 3, 3))
    slopes = np.linspace(low, high, 16, dtype=np.float32).reshape(16, 1, 1)
    bent = graph.add("PRelu", mixed, graph.weights(values=slopes))
    raw = graph.file(graph.add("Conv", bent, graph.weights(4, 16, 1, 1)))
    changed = rewritten(raw, ["blocked-prelus"])
    assert "PRelu" not in kinds(changed)
    assert_same(raw, changed, (2, 3, 9, 11))


@pytest.mark.parametrize("slopes", [(8, 1, 1), (1,), (16, 5, 5), (1, 1, 16)])
def test_prelus_that_would_gain_nothing_stay(slopes: tuple[int, ...]) -> None:
    graph = Drawn([1, slopes[0] if len(slopes) == 3 and slopes[0] > 1 else 16, 5, 16 if slopes[-1] == 16 else 5])
    raw = graph.file(graph.add("PRelu", "x", graph.weights(*slopes)))
    assert kinds(rewritten(raw, ["blocked-prelus"])) == ["PRelu"]


@settings(max_examples=8, deadline=None)
@given(st.sampled_from([3, 5]), st.booleans(), st.sampled_from([1, 2]))
def test_a_single_filter_is_split(size: int, biased: bool, stride: int) -> None:
    graph = Drawn(["b", 32, "h", "w"])
    bias = [graph.weights(1)] if biased else []
    window = {"kernel_shape": [size, size], "pads": [size // 2] * 4, "strides": [stride, stride]}
    raw = graph.file(graph.add("Conv", "x", graph.weights(1, 32, size, size), *bias, **window))
    changed = rewritten(raw, ["split-single-filters"])
    assert kinds(changed) == ["Conv", "Conv"]
    assert_same(raw, changed, (2, 32, 10, 7))


def test_more_filters_and_few_channels_are_not_split() -> None:
    for filters, channels, size in ((2, 32, 3), (1, 6, 3), (1, 32, 1)):
        graph = Drawn(["b", channels, "h", "w"])
        raw = graph.file(graph.add("Conv", "x", graph.weights(filters, channels, size, size)))
        assert kinds(rewritten(raw, ["split-single-filters"])) == ["Conv"]


def test_scales_are_folded_until_somebody_else_looks() -> None:
    graph = Drawn(["b", 3, "h", "w"])
    made = graph.add("Conv", "x", graph.weights(6, 3, 3, 3), graph.weights(6))
    made = graph.add("Sub", made, graph.weights(1, 6, 1, 1))
    made = graph.add("Mul", graph.weights(6, 1, 1), made)
    made = graph.add("Add", made, graph.weights(1, 6, 1, 1), to="seen")
    beyond = graph.add("Mul", made, graph.weights(1, 6, 1, 1))
    raw = graph.file("seen", beyond)
    changed = rewritten(raw, ["folded-scales"])
    assert kinds(changed) == ["Conv", "Mul"]
    assert_same(raw, changed, (2, 3, 8, 8))


def test_differences_from_constants_and_sums_along_rows_are_not_folded() -> None:
    for kind, first, shape in (("Sub", True, (1, 6, 1, 1)), ("Add", False, (1, 1, 1, 6)), ("Div", False, (1, 6, 1, 1))):
        graph = Drawn(["b", 3, 8, 8])
        made, constant = graph.add("Conv", "x", graph.weights(6, 3, 3, 3)), graph.weights(*shape)
        raw = graph.file(graph.add(kind, *((constant, made) if first else (made, constant))))
        assert kinds(rewritten(raw, ["folded-scales"])) == ["Conv", kind]


@pytest.mark.parametrize("turned", [False, True])
def test_shortcuts_beside_scales_are_joined(turned: bool) -> None:
    graph = Drawn(["b", 8, "h", "w"])
    made = graph.add("Conv", "x", graph.weights(8, 8, 1, 1))
    pooled = graph.add("GlobalAveragePool", made)
    scaled = graph.add("Mul", *((pooled, made) if turned else (made, pooled)))
    raw = graph.file(graph.add("Add", *((scaled, made) if turned else (made, scaled))))
    changed = rewritten(raw, ["joined-residual-scales"])
    assert kinds(changed) == ["Conv", "GlobalAveragePool", "Add", "Mul"]
    assert_same(raw, changed, (2, 8, 5, 6))


def test_a_shortcut_beside_a_square_stays() -> None:
    graph = Drawn(["b", 8, "h", "w"])
    raw = graph.file(graph.add("Add", "x", graph.add("Mul", "x", "x")))
    assert kinds(rewritten(raw, ["joined-residual-scales"])) == ["Mul", "Add"]


def enlarging() -> Drawn:
    graph = Drawn(["b", 16, "h", "w"])
    graph.add("ConvTranspose", "x", graph.weights(16, 8, 2, 2), to="a", kernel_shape=[2, 2], strides=[2, 2])
    graph.add("Add", "a", graph.weights(1, 8, 1, 1), to="b")
    graph.add("Relu", "b", to="c")
    graph.add("ConvTranspose", "c", graph.weights(8, 1, 2, 2), to="d", kernel_shape=[2, 2], strides=[2, 2])
    graph.add("Add", "d", graph.weights(1, 1, 1, 1), to="e")
    graph.add("Sigmoid", "e", to="f")
    return graph


def test_two_enlargements_become_one() -> None:
    raw = enlarging().file("f")
    changed = rewritten(raw, ["enlarged-once"])
    assert kinds(changed) == ["Conv", "Relu", "Conv", "Sigmoid", "DepthToSpace"]
    assert_same(raw, changed, (2, 16, 5, 7))


def test_other_enlargements_are_refused() -> None:
    for raw in (adding(), enlarging().file("e")):
        with pytest.raises(ModelError, match="text detector"):
            rewritten(raw, ["enlarged-once"])


def test_four_sides_are_expected_at_once() -> None:
    graph = Drawn(["b", 32, "h", "w"])
    turned = graph.add("Transpose", "x", perm=[0, 2, 3, 1])
    rows = graph.add("Reshape", turned, graph.weights(values=np.array([-1, 8])))
    likely = graph.add("Softmax", rows, axis=1)
    expected = graph.add("MatMul", likely, graph.weights(values=np.arange(8, dtype=np.float32)))
    raw = graph.file(graph.add("Reshape", expected, graph.weights(values=np.array([-1, 4]))))
    changed = rewritten(raw, ["expected-in-fours"])
    assert kinds(changed) == ["Transpose", "Reshape", "Softmax", "Reshape", "MatMul"]
    assert_same(raw, changed, (2, 32, 3, 5))


@pytest.mark.parametrize("side", [(8, 8), (9, 11)])
def test_windows_and_convolutions_pad_themselves(side: tuple[int, int]) -> None:
    graph = Drawn(["b", *side, 3])
    framed = graph.add("Pad", "x", graph.weights(values=np.array([0, 3, 2, 0, 0, 1, 3, 0])))
    turned = graph.add("Transpose", framed, perm=[0, 3, 1, 2])
    seen = graph.add("Conv", turned, graph.weights(16, 3, 3, 3), kernel_shape=[3, 3])
    height, width = side[0] + 2, side[1] + 3
    spare = [max(0, (-(-size // 2) - 1) * 2 + 3 - size) for size in (height, width)]
    amounts = [0, 0, *(each // 2 for each in spare), 0, 0, *(each - each // 2 for each in spare)]
    grown = graph.add("Pad", seen, graph.weights(values=np.array(amounts)), mode="edge")
    raw = graph.file(graph.add("MaxPool", grown, kernel_shape=[3, 3], strides=[2, 2]))
    changed = rewritten(raw, ["windows-that-pad", "convolutions-that-pad"])
    assert kinds(changed) == ["Transpose", "Conv", "MaxPool"]
    assert_same(raw, changed, (2, *side, 3))


def test_frames_that_are_not_zero_stay() -> None:
    graph = Drawn(["b", 8, 8, 3])
    value = graph.weights(values=np.array(1, np.float32))
    framed = graph.add("Pad", "x", graph.weights(values=np.array([0, 1, 1, 0, 0, 1, 1, 0])), value)
    turned = graph.add("Transpose", framed, perm=[0, 3, 1, 2])
    raw = graph.file(graph.add("Conv", turned, graph.weights(16, 3, 3, 3)))
    assert kinds(rewritten(raw, ["convolutions-that-pad"])) == ["Pad", "Transpose", "Conv"]


def test_a_plain_graph_has_lost_what_cancels_out() -> None:
    graph = Drawn(["b", 4, 4, 3])
    turned = graph.add("Transpose", "x", perm=[0, 3, 1, 2])
    seen = graph.add("Conv", turned, graph.weights(16, 3, 3, 3))
    back = graph.add("Transpose", seen, perm=[0, 2, 3, 1])
    bent = graph.add("PRelu", back, graph.weights(1, 1, 16))
    raw = graph.file(graph.add("Transpose", bent, perm=[0, 3, 1, 2]))
    changed = rewritten(raw, ["plain", "blocked-prelus"])
    assert "PRelu" not in kinds(changed)
    assert_same(raw, changed, (2, 4, 4, 3))
    with pytest.raises(ModelError, match="cannot be simplified"):
        plain(b"rubbish")


def test_unknown_rewrites_are_named() -> None:
    with pytest.raises(ModelError, match="no rewrites faster-still"):
        rewritten(adding(), ["faster-still"])
    assert rewritten(b"as it is", []) == b"as it is"


@pytest.mark.parametrize("rewrite", sorted(set(REWRITES) - {"enlarged-once"}))
def test_rewrites_leave_alone_what_they_do_not_know(rewrite: str) -> None:
    assert kinds(rewritten(adding(), [rewrite])) == ["Add"]
