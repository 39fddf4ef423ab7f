"""TFLite files written field by field, for networks small enough to compute by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import flatbuffers
import numpy as np

KINDS = {"f4": 0, "f2": 1, "i4": 2, "u1": 3, "i1": 9}


@dataclass
class Tensor:
    """A tensor: shape, dtype, data of constants, quantisation (scales, zero points, axis)."""

    shape: tuple[int, ...]
    dtype: str = "i1"
    data: np.ndarray | None = None
    scale: Sequence[float] = ()
    zero: Sequence[int] = ()
    axis: int = 0


@dataclass
class Operator:
    """An operator by number, with tensor indices and its options by field: (struct kind, value)."""

    kind: int
    inputs: Sequence[int]
    outputs: Sequence[int]
    options: Mapping[int, tuple[str, int]] = field(default_factory=dict)


def written(tensors: Sequence[Tensor], operators: Sequence[Operator], entry: int) -> bytes:
    """The file of a network with one input."""
    b = flatbuffers.Builder(0)
    kinds = sorted({operator.kind for operator in operators})
    buffers = [_table(b, {})] + [_table(b, {0: _numbers(b, _bytes(t))}) for t in tensors if t.data is not None]
    places = np.cumsum([t.data is not None for t in tensors])
    rows = [_tensor(b, t, int(place) if t.data is not None else 0) for t, place in zip(tensors, places, strict=True)]
    calls = [_operator(b, operator, kinds.index(operator.kind)) for operator in operators]
    codes = [_table(b, {}, {0: ("b", min(kind, 127)), 3: ("i", kind)}) for kind in kinds]
    ends = _numbers(b, np.array(operators[-1].outputs, "<i4"))
    parts = {0: _vector(b, rows), 1: _numbers(b, np.array([entry], "<i4")), 2: ends, 3: _vector(b, calls)}
    graphs = _vector(b, [_table(b, parts)])
    b.Finish(_table(b, {1: _vector(b, codes), 2: graphs, 4: _vector(b, buffers)}), b"TFL3")
    return bytes(b.Output())


def _bytes(tensor: Tensor) -> np.ndarray:
    assert tensor.data is not None
    return np.frombuffer(tensor.data.astype(f"<{tensor.dtype}").tobytes(), np.uint8)


def _tensor(b: flatbuffers.Builder, tensor: Tensor, buffer: int) -> int:
    shape = _numbers(b, np.array(tensor.shape, "<i4"))
    scale, zero = _numbers(b, np.array(tensor.scale, "<f4")), _numbers(b, np.array(tensor.zero, "<i8"))
    quantisation = _table(b, {2: scale, 3: zero}, {6: ("i", tensor.axis)})
    return _table(b, {0: shape, 4: quantisation}, {1: ("b", KINDS[tensor.dtype]), 2: ("I", buffer)})


def _operator(b: flatbuffers.Builder, operator: Operator, code: int) -> int:
    options = _table(b, {}, operator.options)
    inputs, outputs = _numbers(b, np.array(operator.inputs, "<i4")), _numbers(b, np.array(operator.outputs, "<i4"))
    return _table(b, {1: inputs, 2: outputs, 4: options}, {0: ("I", code)})


def _numbers(b: flatbuffers.Builder, values: np.ndarray) -> int:
    return int(b.CreateNumpyVector(values)) if len(values) else _vector(b, [])


def _vector(b: flatbuffers.Builder, tables: Sequence[int]) -> int:
    b.StartVector(4, len(tables), 4)
    for table in reversed(tables):
        b.PrependUOffsetTRelative(table)
    return int(b.EndVector())


def _table(
    b: flatbuffers.Builder, offsets: Mapping[int, int], numbers: Mapping[int, tuple[str, int]] | None = None
) -> int:
    numbers = numbers or {}
    b.StartObject(max([*offsets, *numbers, 0]) + 1)
    for slot, offset in offsets.items():
        b.PrependUOffsetTRelativeSlot(slot, offset, 0)
    slots = {"b": b.PrependInt8Slot, "i": b.PrependInt32Slot, "I": b.PrependUint32Slot}
    for slot, (kind, value) in numbers.items():
        slots[kind](slot, value, 0)
    return int(b.EndObject())
