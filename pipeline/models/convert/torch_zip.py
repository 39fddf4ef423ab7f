"""PyTorch checkpoints read without PyTorch, by an unpickler that knows tensors and nothing else."""

import collections
import io
import math
import pickle
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ModelError

MAX_PICKLE_BYTES = 64 * 2**20
MAX_STORAGE_BYTES = 4 * 2**30
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C

Array = NDArray[Any]

_DTYPES = {
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}


def state_dict(raw: bytes) -> dict[str, Array]:
    """The tensors of a `.pth` file by name, in the file's order; of a nested checkpoint, its first mapping of tensors.

    Raises:
        ModelError: not a checkpoint, or its pickle asks for anything but tensors and plain containers.
    """
    try:
        found, storages = _read_zip(raw) if raw[:2] == b"PK" else _read_legacy(raw)
        tensors = _tensors(found)
        return {name: tensor.resolve(storages) for name, tensor in tensors.items()}
    except ModelError:
        raise
    except Exception as error:
        # An unpickler fed with rubbish raises nearly anything; all of it means the same to the caller.
        raise ModelError(f"not a readable PyTorch checkpoint: {error}") from error


@dataclass(frozen=True, slots=True)
class _Storage:
    """A named run of numbers inside the file."""

    key: str
    dtype: np.dtype[Any]
    length: int


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A strided view of a storage, resolved once the storages are known; sizes in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def resolve(self, storages: Callable[[_Storage], bytes]) -> Array:
        flat = np.frombuffer(storages(self.storage), self.storage.dtype)
        last = self.offset + sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True))
        inside = 0 in self.shape or last < len(flat)
        if min((self.offset, *self.shape, *self.strides)) < 0 or not inside:
            raise ModelError("a tensor of the checkpoint reaches beyond its storage")
        if math.prod(self.shape) * flat.itemsize > MAX_STORAGE_BYTES:
            raise ModelError("a tensor of the checkpoint is absurdly large")
        steps = [step * flat.itemsize for step in self.strides]
        return np.array(np.lib.stride_tricks.as_strided(flat[self.offset :], self.shape, steps))


def _rebuild(storage: object, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object) -> _Tensor:
    if not isinstance(storage, _Storage):
        raise ModelError("a tensor of the checkpoint has no storage")
    return _Tensor(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))


def _rebuild_parameter(tensor: object, *_: object) -> object:
    return tensor


class _Unpickler(pickle.Unpickler):
    """Resolves no name but those of tensors and ordered dictionaries."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) in {("torch._utils", "_rebuild_tensor_v2"), ("torch._utils", "_rebuild_tensor")}:
            return _rebuild
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return _rebuild_parameter
        if module == "torch" and name in _DTYPES:
            return name
        raise ModelError(f"the checkpoint asks for {module}.{name}, which is no tensor; refused")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _location, length = pid[:5]
        if kind != "storage" or dtype not in _DTYPES:
            raise ModelError(f"the checkpoint refers to {kind!r}, which is no tensor storage; refused")
        return _Storage(str(key), np.dtype(_DTYPES[dtype]).newbyteorder("<"), int(length))


def _read_zip(raw: bytes) -> tuple[object, Callable[[_Storage], bytes]]:
    archive = zipfile.ZipFile(io.BytesIO(raw))
    pickled = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
    root = pickled.removesuffix("data.pkl")
    if f"{root}byteorder" in archive.namelist() and archive.read(f"{root}byteorder") != b"little":
        raise ModelError("the checkpoint was written on a big-endian machine")
    if archive.getinfo(pickled).file_size > MAX_PICKLE_BYTES:
        raise ModelError("the checkpoint's index is absurdly large")

    def read(storage: _Storage) -> bytes:
        info = archive.getinfo(f"{root}data/{storage.key}")
        if info.file_size > min(MAX_STORAGE_BYTES, storage.length * storage.dtype.itemsize):
            raise ModelError(f"storage {storage.key} of the checkpoint is larger than it says")
        return archive.read(info)

    return _Unpickler(io.BytesIO(archive.read(pickled))).load(), read


def _read_legacy(raw: bytes) -> tuple[object, Callable[[_Storage], bytes]]:
    """The format before PyTorch 1.6: five pickles, then each storage as its length and its numbers."""
    stream = io.BytesIO(raw)
    if _Unpickler(stream).load() != LEGACY_MAGIC:
        raise ModelError("not a PyTorch checkpoint")
    _protocol, _machine = _Unpickler(stream).load(), _Unpickler(stream).load()
    unpickler = _Unpickler(stream)
    found = unpickler.load()
    sizes = {storage.key: storage.dtype.itemsize for tensor in _tensors(found).values() for storage in [tensor.storage]}
    data = {}
    for key in _Unpickler(stream).load():
        length = int.from_bytes(stream.read(8), "little")
        if key not in sizes:
            raise ModelError("the checkpoint mixes tensors with other storages, which its old format cannot tell apart")
        data[key] = stream.read(length * sizes[key])
    return found, lambda storage: data[storage.key]


def _tensors(found: object) -> Mapping[str, _Tensor]:
    """The outermost mapping of names to tensors; entries of other kinds beside them are dropped."""
    if isinstance(found, Mapping):
        tensors = {str(name): value for name, value in found.items() if isinstance(value, _Tensor)}
        if tensors:
            return tensors
        for value in found.values():
            if isinstance(value, Mapping) and (nested := _tensors(value)):
                return nested
    if isinstance(found, Mapping):
        return {}
    raise ModelError("the checkpoint holds no mapping of tensors")
