import numpy as np
import pytest

from pipeline.errors import ModelError
from pipeline.models.convert.tflite_classifier import classifier
from pipeline.models.session import OnnxSession
from tests.support.tflite import Operator, Tensor, written

POOL, CONV, DENSE, RESHAPE, SOFTMAX, QUANTIZE, DEQUANTIZE = 1, 3, 9, 22, 25, 114, 6
RNG = np.random.default_rng(5)
FILTERS = RNG.integers(-9, 9, (4, 1, 1, 3))
FILTER_SCALES = (0.01, 0.02, 0.03, 0.04)
WEIGHT = RNG.integers(-9, 9, (5, 4))
BIAS = np.arange(5)


def tensors(pooled: tuple[int, ...] = (1, 1, 1, 4)) -> list[Tensor]:
    return [
        Tensor((1, 6, 6, 3), "u1", None, (0.5,), (10,)),  # 0: picture
        Tensor((1, 6, 6, 3)),
        Tensor((4, 1, 1, 3), "i1", FILTERS, FILTER_SCALES, (0,) * 4),
        Tensor((4,), "i4", np.arange(4), (0.1,) * 4, (0,) * 4),
        Tensor((1, 6, 6, 4)),  # 4: maps
        Tensor(pooled),
        Tensor((2,), "i4", np.array([-1, 4])),
        Tensor((1, 4)),  # 7: list
        Tensor((5, 4), "i1", WEIGHT, (0.1,), (0,)),
        Tensor((5,), "i4", BIAS, (0.2,), (0,)),
        Tensor((1, 5)),  # 10: logits
        Tensor((1, 5)),  # 11: probabilities
    ]


def operators() -> list[Operator]:
    return [
        Operator(QUANTIZE, [0], [1]),
        Operator(CONV, [1, 2, 3], [4], {1: ("i", 1), 2: ("i", 1), 3: ("b", 3)}),
        Operator(POOL, [4], [5]),
        Operator(RESHAPE, [5, 6], [7]),
        Operator(DENSE, [7, 8, 9], [10]),
        Operator(SOFTMAX, [10], [11]),
    ]


def expected(pixels: np.ndarray) -> np.ndarray:
    real = (pixels.astype(np.float64) - 10) * 0.5
    filters = FILTERS.reshape(4, 3) * np.array(FILTER_SCALES)[:, None]
    maps = np.clip(real @ filters.T + np.arange(4) * 0.1, 0, 6)
    logits = maps.mean(axis=(1, 2)) @ (WEIGHT.T * 0.1) + BIAS * 0.2
    powers = np.exp(logits)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def test_a_small_network_answers_as_computed_by_hand() -> None:
    session = OnnxSession(classifier(written(tensors(), operators(), 0)), name="tiny", version="1")
    pixels = RNG.integers(0, 255, (3, 6, 6, 3)).astype(np.uint8)
    (probabilities,) = session.run({"image": pixels})
    assert probabilities.shape == (3, 5)
    assert np.allclose(probabilities, expected(pixels), atol=1e-5)


def test_pooling_over_parts_of_the_map_is_refused() -> None:
    with pytest.raises(ModelError, match="whole map"):
        classifier(written(tensors((1, 2, 2, 4)), operators(), 0))


def test_other_files_are_refused() -> None:
    with pytest.raises(ModelError):
        classifier(b"no such thing")
    with pytest.raises(ModelError):
        classifier(written(tensors(), operators(), 0)[:900])
