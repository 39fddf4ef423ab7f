"""Rewritten graphs against the graphs that they were, on drawn weights and pictures."""

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from pipeline.errors import ModelError
from pipeline.models.convert.plain import plain
from pipeline.models.convert.rewrites import REWRITES, rewritten
from tests.support.drawn_graphs import (
    Drawn,
    assert_same,
    cancelling,
    enlarging,
    expected,
    framed,
    kinds,
    padded_window,
    prelus,
    same_windows,
    scales,
    shortcut,
    single,
)
from tests.support.models import adding

OTHER_AMOUNTS = [(0, 0, 1, 1, 0, 0, 1, 1), (0, 0, 0, 0, 0, 0, 2, 2), (0, 0, 0, 0, 0, 0, 1, 0), (0, 1, 0, 0, 0, 0, 1, 1)]


@pytest.mark.parametrize(("low", "high"), [(-0.5, 0.9), (-0.5, 1.2), (0.0, 1.0), (1.0, 1.0)])
def test_prelus_become_convolutions(low: float, high: float) -> None:
    raw = prelus(low, high).file("f")
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
    raw = single(size, stride, biased=biased).file("f")
    changed = rewritten(raw, ["split-single-filters"])
    assert kinds(changed) == ["Conv", "Conv"]
    assert_same(raw, changed, (2, 32, 10, 7))


def test_more_filters_and_few_channels_are_not_split() -> None:
    for filters, channels, size in ((2, 32, 3), (1, 6, 3), (1, 32, 1)):
        graph = Drawn(["b", channels, "h", "w"])
        raw = graph.file(graph.add("Conv", "x", graph.weights(filters, channels, size, size)))
        assert kinds(rewritten(raw, ["split-single-filters"])) == ["Conv"]


def test_scales_are_folded_until_somebody_else_looks() -> None:
    raw = scales().file("seen", "f")
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
    raw = shortcut(turned=turned).file("f")
    changed = rewritten(raw, ["joined-residual-scales"])
    assert kinds(changed) == ["Conv", "GlobalAveragePool", "Add", "Mul"]
    assert_same(raw, changed, (2, 8, 5, 6))


def test_a_shortcut_beside_a_square_stays() -> None:
    graph = Drawn(["b", 8, "h", "w"])
    raw = graph.file(graph.add("Add", "x", graph.add("Mul", "x", "x")))
    assert kinds(rewritten(raw, ["joined-residual-scales"])) == ["Mul", "Add"]


def test_two_enlargements_become_one() -> None:
    raw = enlarging().file("f")
    changed = rewritten(raw, ["enlarged-once"])
    assert kinds(changed) == ["Conv", "Relu", "Conv", "Sigmoid", "DepthToSpace"]
    assert_same(raw, changed, (2, 16, 5, 7))


@pytest.mark.parametrize(
    "raw",
    [
        adding(),
        enlarging().file("e"),
        enlarging().file("c", "f"),
        enlarging(channels=2).file("f"),
        enlarging(sums=(1, 1, 1, 1)).file("f"),
        enlarging(sums=(1, 8, 1, 2)).file("f"),
        enlarging(first="b").file("f"),
        enlarging(pads=[1, 1, 1, 1]).file("f"),
        enlarging(output_padding=[1, 1]).file("f"),
        enlarging(output_shape=[9, 9]).file("f"),
        enlarging(dilations=[2, 2]).file("f"),
        enlarging(strides=[1, 1]).file("f"),
        enlarging(auto_pad="SAME_UPPER").file("f"),
    ],
)
def test_other_enlargements_are_refused(raw: bytes) -> None:
    with pytest.raises(ModelError, match="text detector"):
        rewritten(raw, ["enlarged-once"])


def test_groups_of_enlargements_are_refused() -> None:
    graph = enlarging()
    graph.nodes[0].attribute.append(helper.make_attribute("group", 2))
    graph.nodes[1].input[1] = graph.weights(1, 16, 1, 1)
    graph.nodes[3].input[1] = graph.weights(16, 1, 2, 2)
    with pytest.raises(ModelError, match="text detector"):
        rewritten(graph.file("f"), ["enlarged-once"])


def test_four_sides_are_expected_at_once() -> None:
    raw = expected(-1, 4).file("f")
    changed = rewritten(raw, ["expected-in-fours"])
    assert kinds(changed) == ["Transpose", "Reshape", "Softmax", "Reshape", "MatMul"]
    assert_same(raw, changed, (2, 32, 3, 5))


@pytest.mark.parametrize("side", [(8, 8), (9, 11), (2, 2), (1, 3)])
def test_windows_pad_themselves(side: tuple[int, int]) -> None:
    raw = padded_window().file("f")
    changed = rewritten(raw, ["windows-that-pad"])
    assert kinds(changed) == ["MaxPool"]
    assert_same(raw, changed, (2, 16, *side))


def test_convolutions_pad_themselves() -> None:
    raw = framed(strides=[2, 1]).file("f")
    changed = rewritten(raw, ["convolutions-that-pad"])
    assert kinds(changed) == ["Transpose", "Conv"]
    assert_same(raw, changed, (2, 8, 8, 3))


def test_frames_that_are_not_zero_stay() -> None:
    graph = Drawn(["b", 8, 8, 3])
    value = graph.weights(values=np.array(1, np.float32))
    framed = graph.add("Pad", "x", graph.weights(values=np.array([0, 1, 1, 0, 0, 1, 1, 0])), value)
    turned = graph.add("Transpose", framed, perm=[0, 3, 1, 2])
    raw = graph.file(graph.add("Conv", turned, graph.weights(16, 3, 3, 3)))
    assert kinds(rewritten(raw, ["convolutions-that-pad"])) == ["Pad", "Transpose", "Conv"]


def test_a_plain_graph_has_lost_what_cancels_out() -> None:
    raw = cancelling().file("f")
    changed = rewritten(raw, ["plain", "blocked-prelus"])
    assert "PRelu" not in kinds(changed)
    assert_same(raw, changed, (2, 4, 4, 3))
    with pytest.raises(ModelError, match="cannot be simplified"):
        plain(b"rubbish")


@pytest.mark.parametrize(("side", "left"), [(8, ["MaxPool"]), (7, ["Pad", "MaxPool"]), ("side", None)])
def test_sides_that_the_file_fixes_are_known_beforehand(side: int | str, left: list[str] | None) -> None:
    raw = same_windows(side).file("f")
    changed = rewritten(raw, ["plain", "windows-that-pad"])
    assert kinds(changed) == left if left else {"Shape", "Gather", "Pad"} < set(kinds(changed))
    for each in (side,) if isinstance(side, int) else (5, 6):
        assert_same(raw, changed, (2, 16, each, each))


def test_a_file_names_the_operators_that_it_uses_and_no_others() -> None:
    raw = prelus().file("f", domains=("ai.onnx.ml", "com.microsoft.nchwc"))
    for names in (["plain"], ["blocked-prelus"]):
        changed = onnx.load_from_string(rewritten(raw, names))
        assert [opset.domain for opset in changed.opset_import] == [""]
    graph = Drawn(["n", 3], opset=17)
    graph.add("Gelu", "x", to="f", domain="com.microsoft")
    model = onnx.load_from_string(graph.file("f", domains=("com.microsoft", "ai.onnx.ml")))
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("f", onnx.TensorProto.FLOAT, ["n", 3]))
    kept = onnx.load_from_string(rewritten(model.SerializeToString(), ["folded-scales"]))
    assert [opset.domain for opset in kept.opset_import] == ["", "com.microsoft"]


def test_optional_parts_that_are_not_given_tie_nothing_together() -> None:
    graph = Drawn(["b", 4, 4, 4])
    most = graph.weights(values=np.array(1, np.float32))
    graph.nodes.append(helper.make_node("Dropout", ["x"], ["kept", ""]))
    clipped = graph.add("Clip", "kept", "", most)
    graph.nodes.append(helper.make_node("Dropout", [clipped], ["f", ""]))
    raw = graph.file("f")
    assert kinds(rewritten(raw, ["folded-scales"])) == ["Dropout", "Clip", "Dropout"]
    assert_same(raw, rewritten(raw, ["folded-scales"]), (1, 4, 4, 4))


def test_what_only_a_branch_uses_is_used() -> None:
    graph = Drawn(["b", 3, 8, 8])
    seen = graph.add("Conv", "x", graph.weights(6, 3, 3, 3), graph.weights(6))
    graph.add("Mul", seen, graph.weights(1, 6, 1, 1), to="f")
    deep, apart = graph.add("Relu", "x"), graph.weights(1, 3, 1, 1)
    branches = {"then_branch": [("Sub", [deep, apart])], "else_branch": [("Identity", [seen])]}
    graph.add(
        "If", graph.weights(values=np.array(True)), to="g", **{key: branch(nodes) for key, nodes in branches.items()}
    )
    raw = graph.file("f", "g")
    changed = rewritten(raw, ["folded-scales"])
    assert sorted(kinds(changed)) == ["Conv", "If", "Mul", "Relu"]
    assert_same(raw, changed, (2, 3, 8, 8))


def branch(nodes: list[tuple[str, list[str]]]) -> onnx.GraphProto:
    made = [helper.make_node(kind, inputs, ["inner"]) for kind, inputs in nodes]
    return helper.make_graph(made, "branch", [], [helper.make_tensor_value_info("inner", onnx.TensorProto.FLOAT, None)])


def test_unknown_rewrites_are_named() -> None:
    with pytest.raises(ModelError, match="no rewrites faster-still"):
        rewritten(adding(), ["faster-still"])
    assert rewritten(b"as it is", []) == b"as it is"


@pytest.mark.parametrize("rewrite", sorted(set(REWRITES) - {"enlarged-once"}))
def test_rewrites_leave_alone_what_they_do_not_know(rewrite: str) -> None:
    assert kinds(rewritten(adding(), [rewrite])) == ["Add"]


@pytest.mark.parametrize(
    ("rewrite", "raw"),
    [
        *(("windows-that-pad", padded_window(amounts).file("f")) for amounts in OTHER_AMOUNTS),
        ("windows-that-pad", padded_window(mode="reflect").file("f")),
        ("windows-that-pad", padded_window(ceil_mode=1).file("f")),
        ("windows-that-pad", padded_window(auto_pad="SAME_UPPER").file("f")),
        ("windows-that-pad", padded_window(dilations=[2, 2]).file("f")),
        ("windows-that-pad", padded_window(pads=[1, 1, 1, 1]).file("f")),
        ("windows-that-pad", padded_window(kernel_shape=[2, 2]).file("f")),
        ("windows-that-pad", padded_window(strides=[1, 1]).file("f")),
        ("convolutions-that-pad", framed((0, -1, 0, 0, 0, 0, 0, 0)).file("f")),
        ("convolutions-that-pad", framed((0, 1, 1, 1, 0, 1, 1, -1)).file("f")),
        ("convolutions-that-pad", framed((0, 0, 1, 0, 0, 0, 0, 0), (0, 3, 2, 1)).file("f")),
        ("convolutions-that-pad", framed(auto_pad="SAME_UPPER").file("f")),
        ("convolutions-that-pad", framed(pads=[1, 0, 0, 0]).file("f")),
        ("expected-in-fours", expected(-1, 2).file("f")),
        ("expected-in-fours", expected(4, -1).file("f")),
        ("expected-in-fours", expected(-1, 4, 1).file("f")),
        ("expected-in-fours", expected().file("m")),
        ("expected-in-fours", expected(-1, 4).file("m", "f")),
        ("blocked-prelus", scales().file("f")),
        ("joined-residual-scales", scales().file("f")),
        ("split-single-filters", prelus().file("f")),
        ("folded-scales", prelus().file("f")),
    ],
)
def test_rewrites_leave_alone_what_only_looks_like_what_they_know(rewrite: str, raw: bytes) -> None:
    assert kinds(rewritten(raw, [rewrite])) == kinds(raw)
