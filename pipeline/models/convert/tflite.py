"""Quantised TFLite detection networks as float ONNX, without TensorFlow.

Weights are dequantised, activations stay float: the answer differs from the integer network by its rounding only. Pictures
run as (N, C, H, W) inside. The suppression at the end is left out: boxes are decoded against the anchors and returned with all scores.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from pipeline.errors import ModelError
from pipeline.models.convert.tflite_file import BROKEN, Graph, Operator, Tensor, constant, pads, read


def detector(raw: bytes) -> bytes:
    """The ONNX file of an SSD-like network that ends in TFLite_Detection_PostProcess.

    Input: `image` (B, H, W, 3) uint8 RGB. Outputs: `boxes` (B, N, 4) top, left, bottom, right of the picture 0–1, `scores` (B, N, classes).

    Raises:
        ModelError: not such a file, or an operator is unknown.
    """
    try:
        with np.errstate(all="ignore"):
            return _detector(raw)
    except BROKEN as error:
        raise ModelError(f"not a TFLite detector that can be converted: {error}") from error


def _detector(raw: bytes) -> bytes:
    network = read(raw)
    operators, entry = network.operators, network.inputs[0]
    graph = Graph()
    enter(graph, entry)
    for operator in operators[:-1]:
        convert(graph, operator)
    _leave(graph, operators[-1])
    return _pack(graph, entry, operators[-1])


def enter(graph: Graph, entry: Tensor) -> None:
    """Pixels to the real numbers that the quantisation means, channels first."""
    pixels = graph.add("Cast", ["image"], to=TensorProto.FLOAT)
    shifted = graph.add("Sub", [pixels, graph.constant(entry.zero.astype(np.float32))])
    scaled = graph.add("Mul", [shifted, graph.constant(entry.scale)])
    graph.add("Transpose", [scaled], entry.name, perm=[0, 3, 1, 2])


def convert(graph: Graph, operator: Operator) -> None:
    """Appends an operator on maps and lists.

    Raises:
        ModelError: it is unknown here.
    """
    if operator.kind not in _OPERATORS:
        raise ModelError(f"TFLite operator {operator.kind} is unknown here")
    _OPERATORS[operator.kind](graph, operator)


def _same(graph: Graph, operator: Operator) -> None:
    """Quantising and dequantising change nothing where everything is float."""
    graph.add("Identity", [operator.inputs[0].name], operator.outputs[0].name)


def _convolution(graph: Graph, operator: Operator) -> None:
    weight = constant(operator.inputs[1])
    _convolve(graph, operator, weight.transpose(0, 3, 1, 2), 1, (3, 4))


def _depthwise(graph: Graph, operator: Operator) -> None:
    weight = constant(operator.inputs[1])
    _convolve(graph, operator, weight.transpose(3, 0, 1, 2), operator.inputs[0].shape[3], (4, 5))


def _convolve(graph: Graph, operator: Operator, weight: NDArray[Any], groups: int, numbers: tuple[int, int]) -> None:
    """`numbers`: the fields of the activation and of the first of the two dilations."""
    activation, dilation = numbers
    strides = [operator.option(2, "i"), operator.option(1, "i")]
    dilations = [operator.option(dilation + 1, "i", 1), operator.option(dilation, "i", 1)]
    output = graph.add(
        "Conv",
        [operator.inputs[0].name, graph.constant(weight), graph.constant(constant(operator.inputs[2]))],
        strides=strides,
        dilations=dilations,
        group=groups,
        pads=pads(operator, weight.shape[2:], strides, dilations),
    )
    graph.activate(output, operator.option(activation), operator.outputs[0].name)


def _pool(graph: Graph, operator: Operator) -> None:
    strides, kernel = (
        [operator.option(2, "i"), operator.option(1, "i")],
        [operator.option(4, "i"), operator.option(3, "i")],
    )
    padding = pads(operator, kernel, strides, [1, 1])
    output = graph.add("MaxPool", [operator.inputs[0].name], kernel_shape=kernel, strides=strides, pads=padding)
    graph.activate(output, operator.option(5), operator.outputs[0].name)


def _add(graph: Graph, operator: Operator) -> None:
    output = graph.add("Add", [tensor.name for tensor in operator.inputs])
    graph.activate(output, operator.option(0), operator.outputs[0].name)


def _resize(graph: Graph, operator: Operator) -> None:
    if operator.option(0):
        raise ModelError("aligned corners are unknown here")
    (_, height, width, _), (_, high, wide, _) = operator.inputs[0].shape, operator.outputs[0].shape
    scales = graph.constant(np.array([1, 1, high / height, wide / width], np.float32))
    centres = ("half_pixel", "round_prefer_ceil") if operator.option(1) else ("asymmetric", "floor")
    graph.add(
        "Resize",
        [operator.inputs[0].name, "", scales],
        operator.outputs[0].name,
        mode="nearest",
        coordinate_transformation_mode=centres[0],
        nearest_mode=centres[1],
    )


def _reshape(graph: Graph, operator: Operator) -> None:
    """A map (B, C, H, W) to a list (B, H·W·C/k, k), cells row by row."""
    if len(operator.inputs[0].shape) != 4 or len(operator.outputs[0].shape) != 3:
        raise ModelError("only maps become lists here")
    last = graph.add("Transpose", [operator.inputs[0].name], perm=[0, 2, 3, 1])
    shape = graph.constant(np.array([0, -1, operator.outputs[0].shape[2]], np.int64))
    graph.add("Reshape", [last, shape], operator.outputs[0].name)


def _concatenate(graph: Graph, operator: Operator) -> None:
    if len(operator.outputs[0].shape) != 3 or operator.option(0, "i") not in {1, -2}:
        raise ModelError("only lists are joined here")
    graph.add("Concat", [tensor.name for tensor in operator.inputs], operator.outputs[0].name, axis=1)


def _sigmoid(graph: Graph, operator: Operator) -> None:
    graph.add("Sigmoid", [operator.inputs[0].name], operator.outputs[0].name)


def _leave(graph: Graph, last: Operator) -> None:
    """Boxes from offsets to anchors (centre y, centre x, height, width)."""
    if last.kind != _CUSTOM or len(last.inputs) != 3:
        raise ModelError("the network does not end in a detection head")
    offsets, scores, anchors = last.inputs
    centre, size = np.split(constant(anchors)[None], 2, axis=2)
    halves = graph.constant(np.array([2, 2], np.int64))
    graph.nodes.append(helper.make_node("Split", [offsets.name, halves], ["move", "grow"], axis=2))
    moved = graph.add("Add", [graph.add("Mul", ["move", graph.constant(size)]), graph.constant(centre)])
    half = graph.add("Mul", [graph.add("Exp", ["grow"]), graph.constant(size / 2)])
    corners = [graph.add("Sub", [moved, half]), graph.add("Add", [moved, half])]
    graph.add("Concat", corners, "boxes", axis=2)
    graph.add("Identity", [scores.name], "scores")


def _pack(graph: Graph, entry: Tensor, last: Operator) -> bytes:
    _, height, width, channels = entry.shape
    _, count, classes = last.inputs[1].shape
    return graph.pack(
        "detector",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", height, width, channels])],
        [
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, ["batch", count, 4]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", count, classes]),
        ],
    )


_CUSTOM = 32
_OPERATORS: Mapping[int, Callable[[Graph, Operator], None]] = {
    0: _add,
    2: _concatenate,
    3: _convolution,
    4: _depthwise,
    6: _same,
    14: _sigmoid,
    17: _pool,
    22: _reshape,
    97: _resize,
    114: _same,
}
