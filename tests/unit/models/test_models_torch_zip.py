import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipeline.errors import ModelError
from pipeline.models.convert.torch_zip import LEGACY_MAGIC, state_dict

STORAGES = {
    "f8": "Double",
    "f4": "Float",
    "f2": "Half",
    "i8": "Long",
    "i4": "Int",
    "i2": "Short",
    "i1": "Char",
    "u1": "Byte",
}


class _Global:
    """Pickles as a reference to `module.name`, which need not exist."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class _Call:
    """Pickles as a call of a global."""

    def __init__(self, target: _Global, *arguments: object) -> None:
        self.target, self.arguments = target, arguments


class _Ref:
    """Pickles as a persistent reference."""

    def __init__(self, *pid: object) -> None:
        self.pid = pid


class _Pickler(pickle._Pickler):
    """Writes what torch.save writes, without torch."""

    def persistent_id(self, obj: object) -> object:
        return obj.pid if isinstance(obj, _Ref) else None

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if isinstance(obj, _Global):
            self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
        elif isinstance(obj, _Call):
            self.save(obj.target)
            self.save(obj.arguments)
            self.write(pickle.REDUCE)
        else:
            super().save(obj, save_persistent_id)


def dumped(obj: object) -> bytes:
    out = io.BytesIO()
    _Pickler(out, protocol=2).dump(obj)
    return out.getvalue()


def tensor(
    key: str, array: np.ndarray, offset: int = 0, shape: Any = None, strides: Any = None, length: int = -1
) -> _Call:
    steps = tuple(step // array.itemsize for step in array.strides) if strides is None else strides
    storage = _Global("torch", f"{STORAGES[array.dtype.str[1:]]}Storage")
    reference = _Ref("storage", storage, key, "cpu", array.size if length < 0 else length)
    rebuild = _Global("torch._utils", "_rebuild_tensor_v2")
    size = array.shape if shape is None else shape
    return _Call(rebuild, reference, offset, size, steps, False, OrderedDict())


def checkpoint(obj: object, storages: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("archive/data.pkl", dumped(obj))
        for key, raw in storages.items():
            archive.writestr(f"archive/data/{key}", raw)
    return out.getvalue()


@given(hnp.arrays(st.sampled_from(list(STORAGES)).map(np.dtype), hnp.array_shapes(min_dims=0, max_dims=4, max_side=4)))
def test_reads_any_tensor(array: np.ndarray) -> None:
    found = state_dict(checkpoint({"w": tensor("0", array)}, {"0": array.tobytes()}))
    np.testing.assert_array_equal(found["w"], array)
    assert found["w"].dtype == array.dtype


def test_reads_views_of_one_storage() -> None:
    flat = np.arange(12, dtype="f4")
    views = {"transposed": tensor("0", flat, 0, (3, 4), (1, 3)), "row": tensor("0", flat, 4, (4,), (1,))}
    found = state_dict(checkpoint(OrderedDict(views), {"0": flat.tobytes()}))
    np.testing.assert_array_equal(found["transposed"], flat.reshape(4, 3).T)
    np.testing.assert_array_equal(found["row"], flat[4:8])


def test_finds_the_tensors_of_a_training_checkpoint() -> None:
    array = np.ones(2, "f4")
    nested = {"epoch": 3, "args": {}, "net": OrderedDict(w=tensor("0", array))}
    assert list(state_dict(checkpoint(nested, {"0": array.tobytes()}))) == ["w"]


def test_reads_the_format_before_zip() -> None:
    array = np.arange(6, dtype="f4").reshape(2, 3)
    reference = tensor("77", array)
    reference.arguments[0].pid = (*reference.arguments[0].pid, None)
    parts = [LEGACY_MAGIC, 1001, {"little_endian": True}, {"w": reference}, ["77"]]
    raw = b"".join(map(dumped, parts)) + struct.pack("<q", 6) + array.tobytes()
    np.testing.assert_array_equal(state_dict(raw)["w"], array)


@pytest.mark.parametrize(
    ("module", "name"), [("os", "system"), ("builtins", "eval"), ("torch", "load"), ("collections", "Counter")]
)
def test_a_hostile_pickle_is_refused(module: str, name: str, tmp_path) -> None:
    mark = tmp_path / "ran"
    with pytest.raises(ModelError, match=f"asks for {module}.{name}"):
        state_dict(checkpoint({"w": _Call(_Global(module, name), f"touch {mark}")}, {}))
    assert not mark.exists()


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(0, (5,), (1,)), (3, (2,), (1,)), (0, (2,), (4,)), (-1, (1,), (1,)), (1, (2,), (-1,))],
)
def test_a_tensor_beyond_its_storage_is_refused(offset: int, shape: Any, strides: Any) -> None:
    array = np.zeros(4, "f4")
    with pytest.raises(ModelError, match="beyond its storage"):
        state_dict(checkpoint({"w": tensor("0", array, offset, shape, strides)}, {"0": array.tobytes()}))


def test_a_tensor_that_unrolls_to_an_absurd_size_is_refused() -> None:
    array = np.zeros(1, "f4")
    with pytest.raises(ModelError, match="absurdly large"):
        state_dict(checkpoint({"w": tensor("0", array, 0, (2**40,), (0,))}, {"0": array.tobytes()}))


def test_a_storage_larger_than_it_says_is_refused() -> None:
    array = np.zeros(4, "f4")
    with pytest.raises(ModelError, match="larger than it says"):
        state_dict(checkpoint({"w": tensor("0", array, length=2)}, {"0": array.tobytes()}))


@pytest.mark.parametrize("raw", [b"", b"PK rubbish", b"rubbish", pickle.dumps(5), pickle.dumps([1])])
def test_rubbish_is_no_checkpoint(raw: bytes) -> None:
    with pytest.raises(ModelError, match=r"checkpoint"):
        state_dict(raw)


def test_a_big_endian_checkpoint_is_refused() -> None:
    array = np.zeros(1, "f4")
    raw = io.BytesIO(checkpoint({"w": tensor("0", array)}, {"0": array.tobytes()}))
    with zipfile.ZipFile(raw, "a") as archive:
        archive.writestr("archive/byteorder", "big")
    with pytest.raises(ModelError, match="big-endian"):
        state_dict(raw.getvalue())
