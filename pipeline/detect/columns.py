"""Detections of many frames as compressed columns of numbers: one array per field, one row count per frame."""

import json
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from math import prod
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from pipeline.detect import types
from pipeline.media.types import F32, I64

_MAGIC = b"RSC1"
_LENGTH = struct.Struct("<I")
_KINDS: Mapping[str, type[Any]] = {
    name: kind for name, kind in vars(types).items() if isinstance(kind, type) and is_dataclass(kind)
}
_MAX_BYTES = 1 << 32


def _column(name: str, arrays: Sequence[NDArray[Any]]) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """Describes one field over all frames: its row counts and its rows."""
    joined = np.concatenate(arrays)
    joined = np.ascontiguousarray(joined, joined.dtype.newbyteorder("<"))
    counts = np.asarray([len(array) for array in arrays], "<i4")
    return {"name": name, "dtype": joined.dtype.str, "shape": list(joined.shape)}, [counts, joined]


def pack(found: Sequence[tuple[int, Any]]) -> bytes:
    """Frames and their detections, all of one dataclass of `pipeline.detect.types`, as bytes.

    Raises:
        TypeError: the detections are of another or of several types.
    """
    kinds = {type(detections) for _, detections in found}
    if len(kinds) > 1 or any(_KINDS.get(kind.__name__) is not kind for kind in kinds):
        raise TypeError(f"cannot pack {sorted(kind.__name__ for kind in kinds)}")
    frames = np.asarray([frame for frame, _ in found], "<i8")
    columns: list[dict[str, Any]] = []
    blobs: list[NDArray[Any]] = [frames]
    for field in [field for kind in kinds for field in fields(kind)]:
        head, parts = _column(field.name, [getattr(detections, field.name) for _, detections in found])
        columns.append(head)
        blobs += parts
    header = {"kind": next((kind.__name__ for kind in kinds), None), "frames": len(found), "columns": columns}
    head_bytes = json.dumps(header, separators=(",", ":")).encode()
    body = b"".join(blob.tobytes() for blob in blobs)
    return _MAGIC + zstandard.compress(_LENGTH.pack(len(head_bytes)) + head_bytes + body)


def unpack(raw: bytes) -> Iterator[tuple[int, Any]]:
    """The frames and detections that `pack` was given.

    Raises:
        ValueError: the bytes are not from `pack`, or damaged.
    """
    return _rows(*_opened(raw))


def unpack_values(raw: bytes) -> tuple[I64, F32]:
    """The numbers of all frames (N,), and their `Values` (N, K), which must be as many in each, at once.

    Raises:
        ValueError: the bytes are not from `pack`, damaged, or of something else.
    """
    header, cursor = _opened(raw)
    frames: I64 = cursor.array("<i8", (header["frames"],))
    if not header["columns"]:
        return frames, np.zeros((0, 0), np.float32)
    (column,) = header["columns"] if header["kind"] == "Values" else [None]
    counts = cursor.array("<i4", frames.shape) if column else np.arange(2)
    if column is None or (counts != counts[0]).any():
        raise ValueError(f"{header['kind']} are no table of numbers")
    return frames, cursor.array(column["dtype"], column["shape"]).reshape(len(frames), -1)


class Packed:
    """A stage's detections as they are kept, piece by piece in the order of the video; can be walked once, in one of both ways."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        """Frame numbers and detections."""
        return (row for raw in self._pieces for row in unpack(raw))

    def values(self) -> Iterator[tuple[I64, F32]]:
        """Of each piece the numbers of its frames, and their values: see `unpack_values`."""
        return map(unpack_values, self._pieces)


def _opened(raw: bytes) -> "tuple[Mapping[str, Any], _Cursor]":
    if raw[: len(_MAGIC)] != _MAGIC:
        raise ValueError("not packed detections")
    try:
        data = zstandard.ZstdDecompressor().decompress(raw[len(_MAGIC) :], max_output_size=_MAX_BYTES)
    except zstandard.ZstdError as error:
        raise ValueError(f"damaged detections: {error}") from error
    (head_length,) = _LENGTH.unpack_from(data)
    header = json.loads(data[_LENGTH.size : _LENGTH.size + head_length])
    return header, _Cursor(data, _LENGTH.size + head_length)


class _Cursor:
    """Reads arrays one after the other."""

    def __init__(self, data: bytes, offset: int) -> None:
        self._data = data
        self._offset = offset

    def array(self, dtype: str, shape: Sequence[int]) -> NDArray[Any]:
        """The next array; a read-only view."""
        kind = np.dtype(dtype)
        array = np.frombuffer(self._data, kind, prod(shape), self._offset)
        self._offset += array.nbytes
        return array.reshape(shape).astype(kind.newbyteorder("="), copy=False)


def _rows(header: Mapping[str, Any], cursor: _Cursor) -> Iterator[tuple[int, Any]]:
    count = header["frames"]
    frames: I64 = cursor.array("<i8", (count,))
    if not count:
        return
    columns: dict[str, list[NDArray[Any]]] = {}
    for column in header["columns"]:
        ends = np.cumsum(cursor.array("<i4", (count,))).tolist()
        rows = cursor.array(column["dtype"], column["shape"])
        columns[column["name"]] = [rows[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]
    kind = _KINDS[header["kind"]]
    in_order = [columns[field.name] for field in fields(kind)]
    for frame, *parts in zip(frames.tolist(), *in_order, strict=True):
        yield frame, kind(*parts)
