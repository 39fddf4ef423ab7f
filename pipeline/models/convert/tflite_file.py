"""TFLite files read without TensorFlow: tensors, operators, and what their numbers mean.

Field and operator numbers as in TFLite's schema.fbs.
"""

import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from pipeline.errors import ModelError
from pipeline.models.convert.flatbuffer import Table, root

OPSET, IR_VERSION = 17, 8
SAME = 0

BROKEN = (
    *(ArithmeticError, LookupError, TypeError, ValueError, struct.error),
    *(onnx.checker.ValidationError, onnx.shape_inference.InferenceError),
)
"""What reading and rebuilding a damaged file can raise."""

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
        """An option by its field."""
        return default if self.options is None else self.options.number(number, kind, default)


@dataclass(frozen=True, slots=True)
class Network:
    """The first graph of a file; operators in the order of their work."""

    operators: list[Operator]
    inputs: list[Tensor]
    outputs: list[Tensor]


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
        """Keeps an array and returns its name."""
        name = f"c{len(self.constants)}"
        self.constants[name] = np.ascontiguousarray(value)
        return name

    def activate(self, name: str, activation: int, output: str) -> None:
        """Appends the activation that is fused into an operator, by its number."""
        kind = _ACTIVATIONS[activation]
        if kind == "Relu6":
            limits = [self.constant(np.array(limit, np.float32)) for limit in (0, 6)]
            self.add("Clip", [name, *limits], output)
        else:
            self.add(kind or "Identity", [name], output)

    def pack(self, name: str, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]) -> bytes:
        """The checked ONNX file."""
        weights = [numpy_helper.from_array(value, name) for name, value in self.constants.items()]
        made = helper.make_graph(self.nodes, name, inputs, outputs, weights)
        model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString())


def read(raw: bytes) -> Network:
    """The network of a file.

    Raises:
        ModelError: not a TFLite file; a damaged one raises one of `BROKEN`.
    """
    if raw[4:8] != b"TFL3":
        raise ModelError("not a TFLite file")
    model = root(raw)
    codes = [max(code.number(0, "b"), code.number(3, "i")) for code in model.tables(1)]
    graph, buffers = model.tables(2)[0], model.tables(4)
    tensors = [_tensor(index, table, buffers) for index, table in enumerate(graph.tables(0))]
    operators = [_operator(table, codes, tensors) for table in graph.tables(3)]
    inputs, outputs = ([tensors[int(place)] for place in graph.array(number, "<i4")] for number in (1, 2))
    return Network(operators, inputs, outputs)


def constant(tensor: Tensor) -> NDArray[Any]:
    """The value of a tensor that the file holds.

    Raises:
        ModelError: it is computed.
    """
    if tensor.value is None:
        raise ModelError("weights that are computed are unknown here")
    return tensor.value


def pads(operator: Operator, kernel: Any, strides: list[int], dilations: list[int]) -> list[int]:
    """TensorFlow's SAME padding of a picture operator in ONNX's order: the odd one goes behind."""
    before, after = [0, 0], [0, 0]
    for axis in (0, 1) if operator.option(0) == SAME else ():
        size, step = operator.inputs[0].shape[1 + axis], strides[axis]
        total = max((-(-size // step) - 1) * step + (int(kernel[axis]) - 1) * dilations[axis] + 1 - size, 0)
        before[axis], after[axis] = total // 2, total - total // 2
    return before + after


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
