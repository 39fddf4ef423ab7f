"""PicoDet as Paddle2ONNX writes it, freed from its one input size, its batch of one and its built-in suppression."""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

from pipeline.errors import ModelError
from pipeline.models.convert.rewriting import Rewriting

CLASSES = 80
SIDES = 4


def picodet(raw: bytes) -> bytes:
    """The network alone: `image` (B, 3, H, W) with H and W multiples of 64; the arithmetic is unchanged.

    Outputs: scores (B, 80, cells) over strides 8, 16, 32 and 64, row by row; then per stride the distances (B * cells, 4) left, top, right,
    bottom from the cell's centre, in strides.

    Raises:
        ModelError: not such a graph.
    """
    model = onnx.load_from_string(raw)
    graph = model.graph
    try:
        suppression = next(node for node in graph.node if node.op_type == "NonMaxSuppression")
        scores = suppression.input[1]
        distances = _distances(graph)
        for name in _producer(graph, scores).input:
            _reshape(graph, _producer(graph, name), (0, CLASSES, -1))
    except (StopIteration, IndexError) as error:
        raise ModelError("not a PicoDet graph as Paddle2ONNX writes it") from error
    for name in distances:
        _reshape(graph, _producer(graph, name), (-1, 4))
    _cut(graph, scores, distances)
    for axis, free in {0: "batch", 2: "height", 3: "width"}.items():
        graph.input[0].type.tensor_type.shape.dim[axis].dim_param = free
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def expected_in_fours(graph: Rewriting) -> None:
    """The expected bin of four sides at once: a product with a vector takes ONNX Runtime six times as long."""
    for product in graph.nodes("MatMul"):
        bins, made = graph.constant(product.input[1]), product.output[0]
        if bins is None or bins.ndim != 1 or bins.dtype != np.float32 or not graph.private(made):
            continue
        shape = graph.consumers(made)[0]
        if shape.op_type != "Reshape" or shape.input[0] != made or not _in_rows_of_sides(graph, shape):
            continue
        out = shape.output[0]
        four = graph.add(f"{out}.four", np.array([-1, SIDES * len(bins)], np.int64))
        apart = graph.add(f"{out}.bins", np.kron(np.eye(SIDES, dtype=np.float32), bins[:, None]))
        rows = helper.make_node("Reshape", [product.input[0], four], [f"{out}.rows"])
        graph.replace([product, shape], [rows, helper.make_node("MatMul", [rows.output[0], apart], [out])])


def _in_rows_of_sides(graph: Rewriting, shape: onnx.NodeProto) -> bool:
    target = graph.constant(shape.input[1])
    return target is not None and target.tolist() == [-1, SIDES]


def _distances(graph: onnx.GraphProto) -> list[str]:
    """Names of the tensors of distances, finest stride first: the parts of the Concat that a Split takes apart again."""
    joined = (
        _producer(graph, node.input[0])
        for node in graph.node
        if node.op_type == "Split" and node.input[0] != "scale_factor"
    )
    return list(next(node for node in joined if node.op_type == "Concat").input)


def _producer(graph: onnx.GraphProto, name: str) -> onnx.NodeProto:
    found: onnx.NodeProto = next(node for node in graph.node if name in node.output)
    return found


def _reshape(graph: onnx.GraphProto, node: onnx.NodeProto, shape: tuple[int, ...]) -> None:
    """Gives one Reshape node a target shape of its own."""
    name = f"{node.output[0]}.shape"
    graph.initializer.append(numpy_helper.from_array(np.array(shape, np.int64), name))
    node.input[1] = name


def _cut(graph: onnx.GraphProto, scores: str, distances: Sequence[str]) -> None:
    """Keeps what leads to the named tensors and makes them the outputs."""
    wanted = {scores, *distances}
    nodes = []
    for node in reversed(graph.node):
        if wanted.intersection(node.output):
            nodes.append(node)
            wanted.update(node.input)
    tensors = [tensor for tensor in graph.initializer if tensor.name in wanted]
    inputs = [value for value in graph.input if value.name in wanted]
    outputs = [helper.make_tensor_value_info(scores, onnx.TensorProto.FLOAT, ["batch", CLASSES, "cells"])]
    outputs += [
        helper.make_tensor_value_info(d, onnx.TensorProto.FLOAT, [f"rows_{i}", 4]) for i, d in enumerate(distances)
    ]
    fresh = helper.make_graph(nodes[::-1], graph.name, inputs, outputs, tensors)
    graph.CopyFrom(fresh)
