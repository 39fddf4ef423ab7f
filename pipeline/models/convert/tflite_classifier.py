"""Quantised TFLite classification networks as float ONNX, without TensorFlow; weights and operators as in `tflite`."""

from collections.abc import Callable, Mapping

import numpy as np
from onnx import TensorProto, helper

from pipeline.errors import ModelError
from pipeline.models.convert.tflite import convert, enter
from pipeline.models.convert.tflite_file import BROKEN, Graph, Operator, constant, read


def classifier(raw: bytes) -> bytes:
    """The ONNX file of a network that ends in global pooling, one dense layer and softmax.

    Input: `image` (B, H, W, 3) uint8 RGB. Output: `probabilities` (B, classes) float32.

    Raises:
        ModelError: not such a file, or an operator is unknown.
    """
    try:
        with np.errstate(all="ignore"):
            return _classifier(raw)
    except BROKEN as error:
        raise ModelError(f"not a TFLite classifier that can be converted: {error}") from error


def _classifier(raw: bytes) -> bytes:
    network = read(raw)
    (entry,), (leave,) = network.inputs, network.outputs
    graph = Graph()
    enter(graph, entry)
    for operator in network.operators:
        _OPERATORS.get(operator.kind, convert)(graph, operator)
    graph.add("Identity", [leave.name], "probabilities")
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", *entry.shape[1:]])
    answer = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", leave.shape[1]])
    return graph.pack("classifier", [image], [answer])


def _pool(graph: Graph, operator: Operator) -> None:
    if operator.outputs[0].shape[1:3] != (1, 1):
        raise ModelError("only pooling over the whole map is known here")
    graph.add("GlobalAveragePool", [operator.inputs[0].name], operator.outputs[0].name)


def _flatten(graph: Graph, operator: Operator) -> None:
    if operator.inputs[0].shape[1:3] != (1, 1):
        raise ModelError("only maps of one cell become lists here")
    graph.add("Flatten", [operator.inputs[0].name], operator.outputs[0].name, axis=1)


def _dense(graph: Graph, operator: Operator) -> None:
    _, weight, bias = operator.inputs
    terms = [operator.inputs[0].name, graph.constant(constant(weight)), graph.constant(constant(bias))]
    graph.activate(graph.add("Gemm", terms, transB=1), operator.option(0), operator.outputs[0].name)


def _softmax(graph: Graph, operator: Operator) -> None:
    graph.add("Softmax", [operator.inputs[0].name], operator.outputs[0].name, axis=1)


_OPERATORS: Mapping[int, Callable[[Graph, Operator], None]] = {1: _pool, 9: _dense, 22: _flatten, 25: _softmax}
