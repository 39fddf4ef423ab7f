"""Keras models in HDF5 files: the files' groups, arrays and texts, and damaged files; layers that only such models have."""

import contextlib
import json
import struct
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.errors import ModelError
from pipeline.models.convert.hdf5 import read, weights
from pipeline.models.convert.keras import hdf5_model

Tree = dict[str, Any]
RANDOM = np.random.default_rng(11)


class Writer:
    """A file with groups of symbol tables, contiguous arrays of float32 and texts as attributes of the root."""

    def __init__(self) -> None:
        self.raw = bytearray(96)

    def put(self, data: bytes) -> int:
        """Where the bytes are now."""
        self.raw += bytes(-len(self.raw) % 8)
        place = len(self.raw)
        self.raw += data
        return place

    def header(self, *messages: tuple[int, bytes]) -> int:
        """An object header; the last message lies in a block of its own."""
        *near, far = [struct.pack("<HHI", kind, -(-len(body) // 8) * 8, 0) + padded(body) for kind, body in messages]
        more = struct.pack("<HHIQQ", 0x10, 16, 0, self.put(far), len(far))
        block = b"".join(near) + more
        return self.put(struct.pack("<BxHII4x", 1, len(messages) + 1, 1, len(block)) + block)

    def group(self, members: Tree, *attributes: tuple[int, bytes]) -> int:
        """A group's header."""
        names, entries = bytearray(8), b""
        for name, member in sorted(members.items()):
            child = self.group(member) if isinstance(member, dict) else self.array(member)
            entries += struct.pack("<QQ24x", len(names), child)
            names += padded(name.encode() + b"\0")
        data = self.put(bytes(names))
        heap = self.put(b"HEAP" + struct.pack("<4xQQQ", len(names), 0, data))
        node = self.put(b"SNOD" + struct.pack("<BxH", 1, len(members)) + entries)
        tree = self.put(b"TREE" + struct.pack("<BBHQQQQ", 0, 0, 1, 0, 0, 0, node))
        return self.header(*attributes, (0x11, struct.pack("<QQ", tree, heap)))

    def array(self, values: NDArray[np.float32]) -> int:
        place = self.put(values.astype("<f4").tobytes())
        space = struct.pack("<BB6x", 1, values.ndim) + struct.pack(f"<{values.ndim}Q", *values.shape)
        kind = struct.pack("<B3BI", 0x11, 0x20, 31, 0, 4) + bytes(12)
        return self.header((1, space), (3, kind), (8, struct.pack("<BBQQ", 3, 1, place, values.nbytes)))

    def text(self, name: str, value: str) -> tuple[int, bytes]:
        """A message that says so."""
        data = struct.pack("<HH4xQ", 1, 1, len(value.encode())) + padded(value.encode())
        heap = self.put(b"GCOL" + struct.pack("<B3xQ", 1, 16 + len(data)) + data)
        label, kind, space = name.encode() + b"\0", struct.pack("<B3BI", 0x19, 1, 0, 0, 16), struct.pack("<BB6x", 1, 0)
        sizes = struct.pack("<BxHHH", 1, len(label), len(kind), len(space))
        return 0x0C, sizes + b"".join(map(padded, (label, kind, space))) + struct.pack("<IQI", len(value), heap, 1)

    def file(self, members: Tree, **texts: str) -> bytes:
        root = self.group(members, *(self.text(name, value) for name, value in texts.items()))
        self.raw[:8] = b"\x89HDF\r\n\x1a\n"
        self.raw[13:15] = b"\x08\x08"
        struct.pack_into("<Q", self.raw, 64, root)
        return bytes(self.raw)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


def layer(kind: str, name: str, *inputs: str, **config: Any) -> dict[str, Any]:
    nodes = [[[source, 0, 0, {}] for source in inputs]] if inputs else []
    return {"name": name, "class_name": kind, "config": {"name": name, **config}, "inbound_nodes": nodes}


DEPTHWISE = RANDOM.normal(size=(3, 3, 3, 1)).astype(np.float32)
DENSE = RANDOM.normal(size=(48, 2)).astype(np.float32)
SCALAR = np.float32(3).reshape(())


def model(limit: float | None = 6.0) -> bytes:
    """Depthwise convolution of a padded picture, limited, added to the picture itself, and one dense layer."""
    window = {"strides": [1, 1], "padding": "valid", "dilation_rate": [1, 1], "activation": "linear", "use_bias": False}
    layers = [
        layer("InputLayer", "picture", batch_input_shape=[None, 4, 4, 3]),
        layer("ZeroPadding2D", "pad", "picture", padding=[[0, 2], [1, 1]]),
        layer("DepthwiseConv2D", "each", "pad", **window),
        layer("ReLU", "limited", "each", max_value=limit, negative_slope=0.0, threshold=0.0),
        layer("Add", "both", "limited", "picture"),
        layer("Flatten", "flat", "both"),
        layer("Dense", "dense", "flat", activation="softmax", use_bias=False),
    ]
    described = {"class_name": "Model", "config": {"layers": layers, "output_layers": [["dense", 0, 0]]}}
    arrays = {"each": {"each": {"depthwise_kernel:0": DEPTHWISE}}, "dense": {"dense": {"kernel:0": DENSE}}}
    members = {"model_weights": arrays, "optimizer_weights": {"dense": {"kernel:0": DENSE * 0}}}
    return Writer().file(members, keras_version="2.2.4-tf", model_config=json.dumps(described))


def test_arrays_and_texts_are_read() -> None:
    file = read(Writer().file({"a": {"b": {"c": DENSE}}, "scalar": SCALAR}, said="Käse"))
    assert set(file.arrays) == {"/a/b/c", "/scalar"}
    np.testing.assert_array_equal(file.arrays["/a/b/c"], DENSE)
    assert file.arrays["/scalar"] == 3
    assert file.texts == {"said": "Käse"}


def test_weights_are_named_by_layer_without_those_of_the_optimiser() -> None:
    found = weights(read(model()).arrays)
    assert set(found) == {"each/depthwise_kernel", "dense/kernel"}
    np.testing.assert_array_equal(found["dense/kernel"], DENSE)


@pytest.mark.parametrize("limit", [0.5, 6.0, None])
def test_the_network_computes_what_keras_would(limit: float | None) -> None:
    session = ort.InferenceSession(hdf5_model(model(limit)), providers=["CPUExecutionProvider"])
    pictures = RANDOM.normal(size=(2, 4, 4, 3)).astype(np.float32)
    wide = np.pad(pictures, ((0, 0), (0, 2), (1, 1), (0, 0)))
    convolved = sum(wide[:, y : y + 4, x : x + 4] * DEPTHWISE[y, x, :, 0] for y in range(3) for x in range(3))
    logits = (np.clip(convolved, 0, limit) + pictures).reshape(2, -1) @ DENSE
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    (found,) = session.run(None, {"image": pictures})
    np.testing.assert_allclose(found, powers / powers.sum(axis=1, keepdims=True), atol=1e-5)


@pytest.mark.parametrize("raw", [b"", b"\x89HDF\r\n\x1a\n", b"PK\x03\x04" + bytes(200), model()[:-2000]])
def test_what_is_no_such_file_is_refused(raw: bytes) -> None:
    with pytest.raises(ModelError):
        hdf5_model(raw)


def test_a_file_without_a_model_is_refused() -> None:
    with pytest.raises(ModelError, match="model_config"):
        hdf5_model(Writer().file({"a": DENSE}))


@given(st.lists(st.tuples(st.integers(0, len(model()) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_damage_ends_in_a_message_or_in_nothing(damage: list[tuple[int, int]]) -> None:
    raw = bytearray(model())
    for place, byte in damage:
        raw[place] = byte
    with contextlib.suppress(ModelError):
        read(bytes(raw))
