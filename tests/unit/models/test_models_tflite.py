from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ModelError
from pipeline.models.convert.flatbuffer import root
from pipeline.models.convert.tflite import detector
from pipeline.models.session import OnnxSession
from tests.support.tflite import Operator, Tensor, written

ADD, CONCAT, CONV, DEPTHWISE, SIGMOID, POOL, RESHAPE, CUSTOM, RESIZE, QUANTIZE = 0, 2, 3, 4, 14, 17, 22, 32, 97, 114
STRIDE_1 = {1: ("i", 1), 2: ("i", 1)}
RNG = np.random.default_rng(3)
WHOLE = RNG.integers(-9, 9, (4, 1, 1, 3))
DEEP = RNG.integers(-9, 9, (1, 3, 3, 3))
CLASSES = RNG.integers(-9, 9, (2, 3, 3, 3))
ANCHORS = RNG.uniform(0.2, 0.8, (16, 4))


def network() -> list[Tensor]:
    scales = (0.01, 0.02, 0.03, 0.04)
    return [
        Tensor((1, 4, 4, 3), "u1", None, (0.5,), (10,)),  # 0: picture
        Tensor((1, 4, 4, 3)),  # 1: quantised
        Tensor((4, 1, 1, 3), "i1", WHOLE, scales, (0,) * 4),  # 2: weights of the boxes
        Tensor((4,), "i4", np.arange(4), (0.1,) * 4, (0,) * 4),
        Tensor((1, 4, 4, 4)),  # 4: boxes
        Tensor((1, 3, 3, 3), "i1", DEEP, scales[:3], (0,) * 3, 3),  # 5: depthwise weights
        Tensor((3,), "i4", np.arange(3), (0.1,) * 3, (0,) * 3),
        Tensor((1, 2, 2, 3)),  # 7: halved
        Tensor((2,), "i4", np.array([4, 4])),
        Tensor((1, 4, 4, 3)),  # 9: doubled
        Tensor((1, 4, 4, 3)),  # 10: sum
        Tensor((1, 4, 4, 3)),  # 11: pooled
        Tensor((2, 3, 3, 3), "i1", CLASSES, scales[:2], (0,) * 2),  # 12: weights of the classes
        Tensor((2,), "i4", np.arange(2), (0.1,) * 2, (0,) * 2),
        Tensor((1, 4, 4, 2)),  # 14: classes
        Tensor((3,), "i4", np.array([1, 16, 4])),
        Tensor((1, 16, 4)),  # 16: list of boxes
        Tensor((1, 16, 2)),  # 17: list of classes
        Tensor((1, 16, 2)),  # 18: scores
        Tensor((16, 4), "f4", ANCHORS),  # 19
        Tensor((), "f4"),  # 20
    ]


def operators() -> list[Operator]:
    return [
        Operator(QUANTIZE, [0], [1]),
        Operator(CONV, [1, 2, 3], [4], STRIDE_1),
        Operator(DEPTHWISE, [1, 5, 6], [7], {1: ("i", 2), 2: ("i", 2), 4: ("b", 3)}),
        Operator(RESIZE, [7, 8], [9]),
        Operator(ADD, [1, 9], [10], {0: ("b", 1)}),
        Operator(POOL, [10], [11], {**STRIDE_1, 3: ("i", 2), 4: ("i", 2)}),
        Operator(CONV, [11, 12, 13], [14], STRIDE_1),
        Operator(RESHAPE, [4, 15], [16]),
        Operator(RESHAPE, [14, 15], [17]),
        Operator(SIGMOID, [17], [18]),
        Operator(CUSTOM, [16, 18, 19], [20]),
    ]


def convolved(x: np.ndarray, w: np.ndarray, bias: np.ndarray, stride: int, pads: tuple[int, int]) -> np.ndarray:
    """Convolution of one (H, W, C) picture with (M, h, w, C) kernels."""
    x = np.pad(x, (pads, pads, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[1:3], (0, 1))[::stride, ::stride]
    return np.einsum("hwcij,mijc->hwm", windows, w) + bias


def expected(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x = (picture.astype(float) - 10) * 0.5
    scales = np.array([0.01, 0.02, 0.03, 0.04])
    boxes = convolved(x, WHOLE * scales[:, None, None, None], np.arange(4) * 0.1, 1, (0, 0)).reshape(16, 4)
    deep = np.zeros((3, 3, 3, 3))
    deep[range(3), :, :, range(3)] = (DEEP[0] * scales[:3]).transpose(2, 0, 1)
    halved = np.clip(convolved(x, deep, np.arange(3) * 0.1, 2, (0, 1)), 0, 6)
    total = np.maximum(x + halved.repeat(2, 0).repeat(2, 1), 0)
    padded = np.pad(total, ((0, 1), (0, 1), (0, 0)))
    pooled = np.lib.stride_tricks.sliding_window_view(padded, (2, 2), (0, 1)).max((-1, -2))
    logits = convolved(pooled, CLASSES * scales[:2, None, None, None], np.arange(2) * 0.1, 1, (1, 1)).reshape(16, 2)
    centre, half = boxes[:, :2] * ANCHORS[:, 2:] + ANCHORS[:, :2], np.exp(boxes[:, 2:]) * ANCHORS[:, 2:] / 2
    return np.hstack([centre - half, centre + half]), 1 / (1 + np.exp(-logits))


@pytest.fixture(scope="module")
def session() -> OnnxSession:
    return OnnxSession(detector(written(network(), operators(), 0)), name="tiny", version="1")


@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_computes_what_the_file_says(session: OnnxSession, seed: int, batch: int) -> None:
    pictures = np.random.default_rng(seed).integers(0, 30, (batch, 4, 4, 3), dtype=np.uint8)
    boxes, scores = session.run({"image": pictures})
    for picture, found_boxes, found_scores in zip(pictures, boxes, scores, strict=True):
        wanted_boxes, wanted_scores = expected(picture)
        np.testing.assert_allclose(found_boxes, wanted_boxes, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(found_scores, wanted_scores, rtol=1e-4, atol=1e-5)


def test_an_unknown_operator_is_named() -> None:
    calls = operators()
    calls[0] = Operator(99, [0], [1])
    with pytest.raises(ModelError, match="operator 99 is unknown"):
        detector(written(network(), calls, 0))


def test_a_network_without_detection_head_is_refused() -> None:
    with pytest.raises(ModelError, match="detection head"):
        detector(written(network(), operators()[:-1], 0))


@pytest.mark.parametrize("raw", [b"", b"rubbish rubbish", b"\x00\x00\x00\x00TFL3", b"\xff\xff\xff\xffTFL3" + bytes(9)])
def test_rubbish_is_refused(raw: bytes) -> None:
    with pytest.raises(ModelError):
        detector(raw)


@given(st.integers(8, 400), st.binary(min_size=1, max_size=8))
def test_a_damaged_file_is_refused_or_converted_but_nothing_else(place: int, rubbish: bytes) -> None:
    raw = bytearray(written(network(), operators(), 0))
    raw[place : place + len(rubbish)] = rubbish
    with suppress(ModelError):
        assert detector(bytes(raw))


def test_absent_fields_have_their_defaults() -> None:
    table = root(written(network(), operators(), 0))
    assert table.number(60, "i", 7) == 7
    assert table.table(60) is None
    assert table.tables(60) == []
    assert table.text(3) == ""
