import io
import zipfile
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ModelError
from pipeline.models.convert.tflite_float import member, network
from pipeline.models.session import OnnxSession
from tests.support.tflite import Operator, Tensor, written

ADD, CONCAT, CONV, DEPTHWISE, UNPACK, SIGMOID, POOL, MUL, RESHAPE, PAD = 0, 2, 3, 4, 6, 14, 17, 18, 22, 34
TRANSPOSE, MEAN, SUB, DIV, SLICE, PRELU, NEG, SUM, SQRT, RSQRT, SQUARED = 39, 40, 41, 42, 45, 54, 59, 74, 75, 76, 99
RNG = np.random.default_rng(5)
WEIGHTS = RNG.uniform(-1, 1, (4, 3, 3, 3)).astype(np.float16)
BIAS = RNG.uniform(-1, 1, 4).astype(np.float16)
SLOPES = RNG.uniform(0, 1, (1, 1, 4))
DEEP = RNG.uniform(-1, 1, (1, 3, 3, 4))
STRIDE_2 = {1: ("i", 2), 2: ("i", 2)}
KEPT = {0: ("b", 1)}


def picture_network() -> bytes:
    """Half-float weights, a convolution, a leaky unit, a depthwise convolution, channels padded, a pool, a list."""
    tensors = [
        Tensor((1, 8, 8, 3), "f4"),
        Tensor((4, 3, 3, 3), "f2", WEIGHTS),
        Tensor((4, 3, 3, 3), "f4"),
        Tensor((4,), "f2", BIAS),
        Tensor((4,), "f4"),
        Tensor((1, 4, 4, 4), "f4"),  # 5: convolved
        Tensor((1, 1, 4), "f4", SLOPES),
        Tensor((1, 4, 4, 4), "f4"),  # 7: leaky
        Tensor((1, 3, 3, 4), "f4", DEEP),
        Tensor((4,), "f4", np.zeros(4)),
        Tensor((1, 4, 4, 4), "f4"),  # 10: depthwise
        Tensor((4, 2), "i4", np.array([[0, 0], [0, 0], [0, 0], [0, 2]])),
        Tensor((1, 4, 4, 6), "f4"),  # 12: padded
        Tensor((1, 2, 2, 6), "f4"),  # 13: pooled
        Tensor((2,), "i4", np.array([1, 24])),
        Tensor((1, 24), "f4"),  # 15
    ]
    operators = [
        Operator(UNPACK, [1], [2]),
        Operator(UNPACK, [3], [4]),
        Operator(CONV, [0, 2, 4], [5], STRIDE_2),
        Operator(PRELU, [5, 6], [7]),
        Operator(DEPTHWISE, [7, 8, 9], [10], {1: ("i", 1), 2: ("i", 1), 4: ("b", 1)}),
        Operator(PAD, [10, 11], [12]),
        Operator(POOL, [12], [13], {**STRIDE_2, 3: ("i", 2), 4: ("i", 2)}),
        Operator(RESHAPE, [13, 14], [15]),
    ]
    return written(tensors, operators, 0)


def convolved(x: np.ndarray, w: np.ndarray, stride: int, pads: tuple[int, int]) -> np.ndarray:
    x = np.pad(x, (pads, pads, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (0, 1))[::stride, ::stride]
    return np.einsum("hwcij,mijc->hwm", windows, w)


def expected_list(x: np.ndarray) -> np.ndarray:
    y = convolved(x, WEIGHTS.astype(np.float32), 2, (0, 1)) + BIAS
    y = np.where(y > 0, y, y * SLOPES[0])
    deep = np.zeros((4, 3, 3, 4))
    deep[range(4), :, :, range(4)] = DEEP[0].transpose(2, 0, 1)
    y = np.pad(np.maximum(convolved(y, deep, 1, (1, 1)), 0), ((0, 0), (0, 0), (0, 2)))
    return y.reshape(2, 2, 2, 2, 6).max((1, 3)).ravel()


@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_a_network_for_pictures_computes_what_the_file_says_for_any_batch(seed: int, batch: int) -> None:
    pictures = np.random.default_rng(seed).uniform(-1, 1, (batch, 8, 8, 3)).astype(np.float32)
    (found,) = OnnxSession(network(picture_network()), name="tiny", version="1").run({"input": pictures})
    np.testing.assert_allclose(found, [expected_list(p) for p in pictures], rtol=1e-4, atol=1e-5)


def points_network() -> bytes:
    """Points centred and scaled, then sliced, joined and squashed."""
    constants = {
        1: Tensor((), "i4", np.array(1)),
        2: Tensor((3,), "i4", np.array([0, 2, 1])),
        3: Tensor((3,), "i4", np.array([0, 0, 0])),
        4: Tensor((3,), "i4", np.array([1, 1, 6])),
        5: Tensor((3,), "i4", np.array([1, 1, 2])),
    }
    shapes = {0: (1, 6, 2), 6: (1, 1, 2), 7: (1, 6, 2), 8: (1, 6, 2), 9: (1, 1, 2), 10: (1, 1, 2), 11: (1, 6, 2)}
    shapes |= {12: (1, 2, 6), 13: (1, 3), 14: (1, 3), 15: (1, 6), 16: (1, 6), 17: (1, 1, 2), 18: (1, 6, 2)}
    tensors = [constants.get(place) or Tensor(shapes[place], "f4") for place in range(19)]
    operators = [
        Operator(MEAN, [0, 1], [6], KEPT),
        Operator(SUB, [0, 6], [7]),
        Operator(SQUARED, [0, 6], [8]),
        Operator(SUM, [8, 1], [9], KEPT),
        Operator(RSQRT, [9], [10]),
        Operator(MUL, [7, 10], [11]),
        Operator(SQRT, [9], [17]),
        Operator(DIV, [11, 17], [18]),
        Operator(TRANSPOSE, [18, 2], [12]),
        # The first row, every other of its columns; the axis of rows goes.
        Operator(SLICE, [12, 3, 4, 5], [13], {1: ("i", 4), 4: ("i", 2)}),
        Operator(NEG, [13], [14]),
        Operator(CONCAT, [13, 14], [15], {0: ("i", -1)}),
        Operator(SIGMOID, [15], [16]),
    ]
    return written(tensors, operators, 0)


def test_a_network_for_points_computes_what_the_file_says() -> None:
    points = RNG.uniform(-5, 5, (1, 6, 2)).astype(np.float32)
    (found,) = OnnxSession(network(points_network()), name="tiny", version="1").run({"input": points})
    centred = points[0] - points[0].mean(axis=0)
    firsts = (centred / (centred**2).sum(axis=0))[::2, 0]
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-np.array([[*firsts, *-firsts]]))), rtol=1e-4)


def test_an_unknown_operator_is_named() -> None:
    raw = written([Tensor((1, 2), "f4"), Tensor((1, 2), "f4")], [Operator(111, [0], [1])], 0)
    with pytest.raises(ModelError, match="operator 111 is unknown"):
        network(raw)


@given(st.integers(8, 2000), st.binary(min_size=1, max_size=8))
def test_a_damaged_file_is_refused_or_converted_but_nothing_else(place: int, rubbish: bytes) -> None:
    raw = bytearray(picture_network())
    raw[place : place + len(rubbish)] = rubbish
    with suppress(ModelError):
        assert network(bytes(raw))


def test_a_file_is_taken_out_of_a_bundle() -> None:
    bundle = io.BytesIO()
    with zipfile.ZipFile(bundle, "w") as archive:
        archive.writestr("inner.tflite", b"weights")
    assert member(bundle.getvalue(), "inner.tflite") == b"weights"
    with pytest.raises(ModelError, match=r"no other\.tflite in the bundle"):
        member(bundle.getvalue(), "other.tflite")
    with pytest.raises(ModelError, match="bundle"):
        member(b"no bundle", "inner.tflite")
