"""Quantised TFLite detection networks as float ONNX, without TensorFlow.

Weights are dequantised, activations stay float: the answer differs from the integer network by its rounding only. Pictures
run as (N, C, H, W) inside. The suppression at the end is left out: boxes are decoded against the anchors and returned with all scores.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from pipeline.errors import ModelError
from pipeline.models.convert.flatbuffer import Table, root

OPSET, IR_VERSION = 17, 8
SAME = 0

_TYPES = {0: "f4", 1: "f2", 2: "i4", 3: "u1", 4: "i8", 6: "?", 9: "i1"}
_ACTIVATIONS = {0: None, 1: "Relu", 3: "Relu6"}


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of the graph; `value` is the dequantised constant, None for what is computed."""

    name: str
    shape: tuple[int, ...]
    scale: NDArray[Any]
    zero: NDArray[Any]
    value: NDArray[Any] | None


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator with its tensors; `options` None where it has none."""

    kind: int
    inputs: list[Tensor]
    outputs: list[Tensor]
    options: Table | None

    def option(self, number: int, kind: str = "b", default: int = 0) -> int:
        return default if self.options is None else self.options.number(number, kind, default)


@dataclass(slots=True)
class Graph:
    """The ONNX graph as it grows."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, NDArray[Any]] = field(default_factory=dict)

    def add(self, kind: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        """Appends a node and returns the name of its output."""
        name = output or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def constant(self, value: NDArray[Any]) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = np.ascontiguousarray(value)
        return name


def detector(raw: bytes) -> bytes:
    """The ONNX file of an SSD-like network that ends in TFLite_Detection_PostProcess.

    Input: `image` (B, H, W, 3) uint8 RGB. Outputs: `boxes` (B, N, 4) top, left, bottom, right of the picture 0–1, `scores` (B, N, classes).

    Raises:
        ModelError: not such a file, or an operator is unknown.
    """
    try:
        with np.errstate(all="ignore"):
            return _detector(raw)
    except _BROKEN as error:
        raise ModelError(f"not a TFLite detector that can be converted: {error}") from error


def _detector(raw: bytes) -> bytes:
    operators, entry = _read(raw)
    graph = Graph()
    _enter(graph, entry)
    for operator in operators[:-1]:
        _convert(graph, operator)
    _leave(graph, operators[-1])
    return _pack(graph, entry, operators[-1])


def _read(raw: bytes) -> tuple[list[Operator], Tensor]:
    if raw[4:8] != b"TFL3":
        raise ModelError("not a TFLite file")
    model = root(raw)
    codes = [max(code.number(0, "b"), code.number(3, "i")) for code in model.tables(1)]
    graph, buffers = model.tables(2)[0], model.tables(4)
    tensors = [_tensor(index, table, buffers) for index, table in enumerate(graph.tables(0))]
    operators = [_operator(table, codes, tensors) for table in graph.tables(3)]
    return operators, tensors[int(graph.array(1, "<i4")[0])]


def _operator(table: Table, codes: list[int], tensors: list[Tensor]) -> Operator:
    inputs, outputs = ([tensors[i] for i in table.array(number, "<i4") if i >= 0] for number in (1, 2))
    return Operator(codes[table.number(0, "I")], inputs, outputs, table.table(4))


def _tensor(index: int, table: Table, buffers: list[Table]) -> Tensor:
    shape = tuple(int(n) for n in table.array(0, "<i4"))
    data = buffers[table.number(2, "I")].array(0, "u1")
    quantization = table.table(4)
    scale = quantization.array(2, "<f4") if quantization else np.empty(0, np.float32)
    zero = quantization.array(3, "<i8") if quantization else np.empty(0, np.int64)
    value = np.frombuffer(data.tobytes(), _TYPES[table.number(1, "b")]).reshape(shape) if len(data) else None
    if value is not None and quantization and len(scale):
        along = [-1 if axis == quantization.number(6, "i") else 1 for axis in range(len(shape))]
        value = ((value.astype(np.float64) - zero.reshape(along)) * scale.reshape(along)).astype(np.float32)
    return Tensor(f"t{index}", shape, scale, zero, value)


def _enter(graph: Graph, entry: Tensor) -> None:
    """Pixels to the real numbers that the quantisation means, channels first."""
    pixels = graph.add("Cast", ["image"], to=TensorProto.FLOAT)
    shifted = graph.add("Sub", [pixels, graph.constant(entry.zero.astype(np.float32))])
    scaled = graph.add("Mul", [shifted, graph.constant(entry.scale)])
    graph.add("Transpose", [scaled], entry.name, perm=[0, 3, 1, 2])


def _convert(graph: Graph, operator: Operator) -> None:
    if operator.kind not in _OPERATORS:
        raise ModelError(f"TFLite operator {operator.kind} is unknown here")
    _OPERATORS[operator.kind](graph, operator)


def _same(graph: Graph, operator: Operator) -> None:
    """Quantising and dequantising change nothing where everything is float."""
    graph.add("Identity", [operator.inputs[0].name], operator.outputs[0].name)


def _convolution(graph: Graph, operator: Operator) -> None:
    weight = _constant(operator.inputs[1])
    _convolve(graph, operator, weight.transpose(0, 3, 1, 2), 1, (3, 4))


def _depthwise(graph: Graph, operator: Operator) -> None:
    weight = _constant(operator.inputs[1])
    _convolve(graph, operator, weight.transpose(3, 0, 1, 2), operator.inputs[0].shape[3], (4, 5))


def _convolve(graph: Graph, operator: Operator, weight: NDArray[Any], groups: int, numbers: tuple[int, int]) -> None:
    """`numbers`: the fields of the activation and of the first of the two dilations."""
    activation, dilation = numbers
    strides = [operator.option(2, "i"), operator.option(1, "i")]
    dilations = [operator.option(dilation + 1, "i", 1), operator.option(dilation, "i", 1)]
    output = graph.add(
        "Conv",
        [operator.inputs[0].name, graph.constant(weight), graph.constant(_constant(operator.inputs[2]))],
        strides=strides,
        dilations=dilations,
        group=groups,
        pads=_pads(operator, weight.shape[2:], strides, dilations),
    )
    _activate(graph, output, operator.option(activation), operator.outputs[0].name)


def _pool(graph: Graph, operator: Operator) -> None:
    strides, kernel = (
        [operator.option(2, "i"), operator.option(1, "i")],
        [operator.option(4, "i"), operator.option(3, "i")],
    )
    pads = _pads(operator, kernel, strides, [1, 1])
    output = graph.add("MaxPool", [operator.inputs[0].name], kernel_shape=kernel, strides=strides, pads=pads)
    _activate(graph, output, operator.option(5), operator.outputs[0].name)


def _add(graph: Graph, operator: Operator) -> None:
    output = graph.add("Add", [tensor.name for tensor in operator.inputs])
    _activate(graph, output, operator.option(0), operator.outputs[0].name)


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


def _activate(graph: Graph, name: str, activation: int, output: str) -> None:
    kind = _ACTIVATIONS[activation]
    if kind == "Relu6":
        graph.add(
            "Clip", [name, graph.constant(np.array(0, np.float32)), graph.constant(np.array(6, np.float32))], output
        )
    else:
        graph.add(kind or "Identity", [name], output)


def _pads(operator: Operator, kernel: Any, strides: list[int], dilations: list[int]) -> list[int]:
    """TensorFlow's SAME padding: the odd one goes behind."""
    before, after = [0, 0], [0, 0]
    for axis in (0, 1) if operator.option(0) == SAME else ():
        size, step = operator.inputs[0].shape[1 + axis], strides[axis]
        total = max((-(-size // step) - 1) * step + (int(kernel[axis]) - 1) * dilations[axis] + 1 - size, 0)
        before[axis], after[axis] = total // 2, total - total // 2
    return before + after


def _constant(tensor: Tensor) -> NDArray[Any]:
    if tensor.value is None:
        raise ModelError("weights that are computed are unknown here")
    return tensor.value


def _leave(graph: Graph, last: Operator) -> None:
    """Boxes from offsets to anchors (centre y, centre x, height, width)."""
    if last.kind != _CUSTOM or len(last.inputs) != 3:
        raise ModelError("the network does not end in a detection head")
    offsets, scores, anchors = last.inputs
    centre, size = np.split(_constant(anchors)[None], 2, axis=2)
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
    made = helper.make_graph(
        graph.nodes,
        "detector",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", height, width, channels])],
        [
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, ["batch", count, 4]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", count, classes]),
        ],
        [numpy_helper.from_array(value, name) for name, value in graph.constants.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


_BROKEN = (
    *(ArithmeticError, LookupError, TypeError, ValueError, struct.error),
    *(onnx.checker.ValidationError, onnx.shape_inference.InferenceError),
)
"""What reading and rebuilding a damaged file can raise."""
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
