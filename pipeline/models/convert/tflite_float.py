"""Float and half-float TFLite networks as ONNX, without TensorFlow.

Tensors keep their order (B, H, W, C); convolutions and pools are wrapped in transpositions, most of which ONNX Runtime cancels.
"""

import io
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, ValueInfoProto, helper

from pipeline.errors import ModelError
from pipeline.models.convert.tflite_file import BROKEN, Graph, Network, Operator, Tensor, constant, pads, read

MAX_MEMBER_BYTES = 2**28
_FIRST, _LAST = [0, 3, 1, 2], [0, 2, 3, 1]


def member(raw: bytes, name: str) -> bytes:
    """A file inside a `.task` bundle, which is a ZIP.

    Raises:
        ModelError: not such a bundle, or there is no such file in it.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as bundle, bundle.open(name) as stream:
            inside = stream.read(MAX_MEMBER_BYTES + 1)
    except (zipfile.BadZipFile, KeyError, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise ModelError(f"no {name} in the bundle: {error}") from error
    if len(inside) > MAX_MEMBER_BYTES:
        raise ModelError(f"{name} in the bundle is absurdly large")
    return inside


def network(raw: bytes) -> bytes:
    """The ONNX file of a network with one float input.

    Input `input` and outputs `output_0`, `output_1`, ... are shaped as in the file; a picture (1, H, W, C) becomes a batch (B, H, W, C),
    and so do the outputs that begin with the same 1.

    Raises:
        ModelError: not such a file, or an operator is unknown.
    """
    try:
        return _Conversion(read(raw)).onnx()
    except BROKEN as error:
        raise ModelError(f"not a float TFLite network that can be converted: {error}") from error


class _Conversion:
    """One network on its way into ONNX."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._known: dict[str, NDArray[Any]] = {}
        self.graph = Graph()

    def onnx(self) -> bytes:
        """The file."""
        if len(self._network.inputs) != 1:
            raise ModelError("the network has not one input")
        (entry,) = self._network.inputs
        self.graph.add("Identity", ["input"], entry.name)
        for operator in self._network.operators:
            if operator.kind not in _OPERATORS:
                raise ModelError(f"TFLite operator {operator.kind} is unknown here")
            _OPERATORS[operator.kind](self, operator)
        free = len(entry.shape) == 4
        outputs = []
        for place, tensor in enumerate(self._network.outputs):
            self.graph.add("Identity", [tensor.name], f"output_{place}")
            outputs.append(_value(f"output_{place}", tensor, free))
        return self.graph.pack("network", [_value("input", entry, free)], outputs)

    def name(self, tensor: Tensor) -> str:
        """What the graph calls a tensor; constants enter it here."""
        if tensor.name in self.graph.constants or self._value(tensor) is None:
            return tensor.name
        value = self.value(tensor)
        self.graph.constants[tensor.name] = value.astype(np.float32) if value.dtype == np.float16 else value
        return tensor.name

    def value(self, tensor: Tensor) -> NDArray[Any]:
        """A constant, which may have been unpacked from half floats.

        Raises:
            ModelError: it is computed.
        """
        found = self._value(tensor)
        return constant(tensor) if found is None else found

    def unpack(self, operator: Operator) -> None:
        """Half floats of the file as floats."""
        self._known[operator.outputs[0].name] = self.value(operator.inputs[0]).astype(np.float32)

    def wrapped(self, kind: str, operator: Operator, activation: int, *weights: str, **attributes: Any) -> None:
        """An ONNX operator on pictures (B, C, H, W), fed and read as (B, H, W, C)."""
        first = self.graph.add("Transpose", [self.name(operator.inputs[0])], perm=_FIRST)
        found = self.graph.add(kind, [first, *weights], **attributes)
        last = self.graph.add("Transpose", [found], perm=_LAST)
        self.graph.activate(last, operator.option(activation), operator.outputs[0].name)

    def _value(self, tensor: Tensor) -> NDArray[Any] | None:
        return self._known.get(tensor.name, tensor.value)


def _value(name: str, tensor: Tensor, free: bool) -> ValueInfoProto:
    batched = free and tensor.shape[:1] == (1,)
    return helper.make_tensor_value_info(
        name, TensorProto.FLOAT, ["batch", *tensor.shape[1:]] if batched else tensor.shape
    )


def _convolve(made: _Conversion, operator: Operator, weight: NDArray[Any], groups: int, activation: int) -> None:
    strides = [operator.option(2, "i"), operator.option(1, "i")]
    dilations = [operator.option(activation + 2, "i", 1), operator.option(activation + 1, "i", 1)]
    names = [made.graph.constant(weight.astype(np.float32)), *(made.name(bias) for bias in operator.inputs[2:])]
    made.wrapped(
        "Conv",
        operator,
        activation,
        *names,
        strides=strides,
        dilations=dilations,
        group=groups,
        pads=pads(operator, weight.shape[2:], strides, dilations),
    )


def _convolution(made: _Conversion, operator: Operator) -> None:
    _convolve(made, operator, made.value(operator.inputs[1]).transpose(0, 3, 1, 2), 1, 3)


def _depthwise(made: _Conversion, operator: Operator) -> None:
    weight = made.value(operator.inputs[1]).transpose(3, 0, 1, 2)
    _convolve(made, operator, weight, operator.inputs[0].shape[3], 4)


def _pool(made: _Conversion, operator: Operator) -> None:
    strides = [operator.option(2, "i"), operator.option(1, "i")]
    kernel = [operator.option(4, "i"), operator.option(3, "i")]
    padding = pads(operator, kernel, strides, [1, 1])
    made.wrapped("MaxPool", operator, 5, kernel_shape=kernel, strides=strides, pads=padding)


def _reshape(made: _Conversion, operator: Operator) -> None:
    """The first 1 is the batch and stays what it is."""
    shape = np.array(operator.outputs[0].shape, np.int64)
    if operator.inputs[0].shape[:1] == operator.outputs[0].shape[:1] == (1,):
        shape[0] = 0
    made.graph.add("Reshape", [made.name(operator.inputs[0]), made.graph.constant(shape)], operator.outputs[0].name)


def _pad(made: _Conversion, operator: Operator) -> None:
    amounts = made.graph.constant(made.value(operator.inputs[1]).astype(np.int64).T.ravel())
    made.graph.add("Pad", [made.name(operator.inputs[0]), amounts], operator.outputs[0].name)


def _concatenate(made: _Conversion, operator: Operator) -> None:
    parts = [made.name(tensor) for tensor in operator.inputs]
    joined = made.graph.add("Concat", parts, axis=operator.option(0, "i"))
    made.graph.activate(joined, operator.option(1), operator.outputs[0].name)


def _transpose(made: _Conversion, operator: Operator) -> None:
    order = made.value(operator.inputs[1]).tolist()
    made.graph.add("Transpose", [made.name(operator.inputs[0])], operator.outputs[0].name, perm=order)


def _mean(made: _Conversion, operator: Operator) -> None:
    axes, kept = np.atleast_1d(made.value(operator.inputs[1])).tolist(), operator.option(0)
    made.graph.add(
        "ReduceMean", [made.name(operator.inputs[0])], operator.outputs[0].name, axes=axes, keepdims=int(bool(kept))
    )


def _sum(made: _Conversion, operator: Operator) -> None:
    axes = made.graph.constant(np.atleast_1d(made.value(operator.inputs[1])).astype(np.int64))
    names, kept = [made.name(operator.inputs[0]), axes], operator.option(0)
    made.graph.add("ReduceSum", names, operator.outputs[0].name, keepdims=int(bool(kept)))


def _slice(made: _Conversion, operator: Operator) -> None:
    """A strided slice; axes that shrink to one number go in a Reshape."""
    begin, end, step = (made.value(tensor).astype(np.int64) for tensor in operator.inputs[1:4])
    from_start, to_end, ellipsis, fresh, shrunk = (operator.option(number, "i") for number in range(5))
    if ellipsis or fresh:
        raise ModelError("slices with ellipses or fresh axes are unknown here")
    shape = operator.inputs[0].shape
    for axis in range(len(begin)):
        begin[axis] = 0 if from_start >> axis & 1 else begin[axis]
        end[axis] = shape[axis] if to_end >> axis & 1 else end[axis]
        end[axis] = begin[axis] + 1 if shrunk >> axis & 1 else end[axis]
    names = [made.graph.constant(part) for part in (begin, end, np.arange(len(begin)), step)]
    cut = made.graph.add("Slice", [made.name(operator.inputs[0]), *names])
    target = made.graph.constant(np.array(operator.outputs[0].shape, np.int64))
    made.graph.add("Reshape" if shrunk else "Identity", [cut, target] if shrunk else [cut], operator.outputs[0].name)


def _squared_difference(made: _Conversion, operator: Operator) -> None:
    difference = made.graph.add("Sub", [made.name(tensor) for tensor in operator.inputs])
    made.graph.add("Mul", [difference, difference], operator.outputs[0].name)


def _reciprocal_root(made: _Conversion, operator: Operator) -> None:
    root = made.graph.add("Sqrt", [made.name(operator.inputs[0])])
    made.graph.add("Reciprocal", [root], operator.outputs[0].name)


def _plain(kind: str) -> Callable[[_Conversion, Operator], None]:
    """An operator that ONNX has as it is."""

    def add(made: _Conversion, operator: Operator) -> None:
        made.graph.add(kind, [made.name(tensor) for tensor in operator.inputs], operator.outputs[0].name)

    return add


def _activated(kind: str) -> Callable[[_Conversion, Operator], None]:
    """An operator that ONNX has, but for the activation fused into it."""

    def add(made: _Conversion, operator: Operator) -> None:
        found = made.graph.add(kind, [made.name(tensor) for tensor in operator.inputs])
        made.graph.activate(found, operator.option(0), operator.outputs[0].name)

    return add


_OPERATORS: Mapping[int, Callable[[_Conversion, Operator], None]] = {
    0: _activated("Add"),
    2: _concatenate,
    3: _convolution,
    4: _depthwise,
    6: _Conversion.unpack,
    14: _plain("Sigmoid"),
    17: _pool,
    18: _activated("Mul"),
    22: _reshape,
    34: _pad,
    39: _transpose,
    40: _mean,
    41: _activated("Sub"),
    42: _activated("Div"),
    45: _slice,
    54: _plain("PRelu"),
    59: _plain("Neg"),
    74: _sum,
    75: _plain("Sqrt"),
    76: _reciprocal_root,
    99: _squared_difference,
}
