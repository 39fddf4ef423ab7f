"""The re-expressed shot networks against the published architecture, written down plainly with 3-D convolutions in numpy."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from pipeline.models.convert.shots import _autoshot, _transnetv2

Array = NDArray[Any]
Weights = dict[str, Array]
FILTERS = (2, 2, 2)


class _Random:
    """Weights of the published names and small shapes."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.weights: Weights = {}

    def kernel(self, name: str, *shape: int) -> None:
        self.weights[name] = self.rng.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32)

    def linear(self, name: str, inputs: int, outputs: int) -> None:
        self.kernel(f"{name}.weight", outputs, inputs)
        self.kernel(f"{name}.bias", outputs)

    def norm(self, name: str, channels: int) -> None:
        for part, low in (("weight", 0.5), ("bias", -0.5), ("running_mean", -0.5), ("running_var", 0.5)):
            self.weights[f"{name}.{part}"] = self.rng.uniform(low, low + 1, channels).astype(np.float32)

    def head(self, linear: str, channels: int, hidden: str) -> None:
        self.linear(f"frame_sim_layer.projection{linear}", sum(4 * f for f in FILTERS), 6)
        self.linear(f"frame_sim_layer.fc{linear}", 101, 5)
        self.linear(f"color_hist_layer.fc{linear}", 101, 5)
        self.linear(f"{hidden}{linear}", 18 * channels + 10, 7)
        self.linear(f"cls_layer1{linear}", 7, 1)
        self.linear(f"cls_layer2{linear}", 7, 1)


def _transnet_weights() -> Weights:
    made = _Random(1)
    channels = 3
    for stack, filters in enumerate(FILTERS):
        for block in range(2):
            name = f"SDDCNN.{stack}.DDCNN.{block}"
            for dilation in (1, 2, 4, 8):
                made.kernel(f"{name}.Conv3D_{dilation}.layers.0.weight", 2 * filters, channels, 1, 3, 3)
                made.kernel(f"{name}.Conv3D_{dilation}.layers.1.weight", filters, 2 * filters, 3, 1, 1)
            made.norm(f"{name}.bn", 4 * filters)
            channels = 4 * filters
    made.head("", channels, "fc1")
    return made.weights


AUTOSHOT = (
    ("Layer_0_3", 4),
    ("Layer_1_8", 5),
    ("Layer_2_8", 5),
    ("Layer_3_8", 5),
    ("Layer_4_13", 5),
    ("Layer_5_12", 5),
)


def _autoshot_weights() -> Weights:
    made = _Random(2)
    channels = 3
    for number, (name, branches) in enumerate(AUTOSHOT):
        out, shared = 4 * FILTERS[number // 2], number in (1, 2, 3)
        middle = 3
        if shared:
            made.kernel(f"{name}.share.weight", middle, channels, 1, 3, 3)
        each = out // branches
        for branch in range(branches):
            filters = each if branch < branches - 1 else out - each * (branches - 1)
            at = f"{name}.conv_blocks.{branch}.layers"
            if not shared:
                made.kernel(f"{at}.0.weight", middle, channels, 1, 3, 3)
            made.kernel(f"{at}.{0 if shared else 1}.weight", filters, middle, 3, 1, 1)
        made.norm(f"{name}.batch_norm", out)
        channels = out
    made.head(".linear", channels, "fc1_0")
    return made.weights


def _conv3d(x: Array, kernel: Array, dilation: int = 1) -> Array:
    """(C, T, H, W) with a (F, C, kt, kh, kw) kernel, zero padded to the same size; `dilation` is over time."""
    _, _, kt, kh, kw = kernel.shape
    pads = (kt // 2 * dilation, kh // 2, kw // 2)
    padded = np.pad(x, ((0, 0), *((p, p) for p in pads)))
    _, frames, height, width = x.shape
    total = np.zeros((len(kernel), frames, height, width), np.float32)
    for t in range(kt):
        for i in range(kh):
            for j in range(kw):
                part = padded[:, t * dilation : t * dilation + frames, i : i + height, j : j + width]
                total += np.tensordot(kernel[:, :, t, i, j], part, axes=1)
    return total


def _norm(x: Array, weights: Weights, name: str) -> Array:
    mean, var, gain, bias = (weights[f"{name}.{p}"] for p in ("running_mean", "running_var", "weight", "bias"))
    scale = gain / np.sqrt(var + 1e-3)
    return x * scale[:, None, None, None] + (bias - mean * scale)[:, None, None, None]


def _relu(x: Array) -> Array:
    return np.maximum(x, 0)


def _pool(x: Array) -> Array:
    even = x[:, :, : x.shape[2] // 2 * 2, : x.shape[3] // 2 * 2]
    return (even[:, :, ::2, ::2] + even[:, :, 1::2, ::2] + even[:, :, ::2, 1::2] + even[:, :, 1::2, 1::2]) / 4


def _linear(x: Array, weights: Weights, name: str) -> Array:
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def _band(x: Array) -> Array:
    similar = np.pad(x @ x.T, ((0, 0), (50, 50)))
    return np.stack([similar[t, t : t + 101] for t in range(len(x))])


def _answers(features: list[Array], histograms: Array, weights: Weights, linear: str, hidden: str) -> Iterator[Array]:
    means = np.concatenate([f.mean(axis=(2, 3)) for f in features]).T
    projected = _linear(means, weights, f"frame_sim_layer.projection{linear}")
    projected /= np.linalg.norm(projected, axis=1, keepdims=True)
    frames = _relu(_linear(_band(projected), weights, f"frame_sim_layer.fc{linear}"))
    colors = _relu(_linear(_band(histograms), weights, f"color_hist_layer.fc{linear}"))
    pixels = features[-1].transpose(1, 2, 3, 0).reshape(len(histograms), -1)
    top = _relu(_linear(np.concatenate([colors, frames, pixels], axis=1), weights, f"{hidden}{linear}"))
    for layer in ("cls_layer1", "cls_layer2"):
        yield 1 / (1 + np.exp(-_linear(top, weights, f"{layer}{linear}")[:, 0]))


def _transnet_plain(frames: Array, histograms: Array, weights: Weights) -> list[Array]:
    x, features = frames.transpose(3, 0, 1, 2) / 255, []
    for stack in range(3):
        shortcut = x
        for block in range(2):
            name = f"SDDCNN.{stack}.DDCNN.{block}"
            branches = []
            for dilation in (1, 2, 4, 8):
                inner = _conv3d(x, weights[f"{name}.Conv3D_{dilation}.layers.0.weight"])
                branches.append(_conv3d(inner, weights[f"{name}.Conv3D_{dilation}.layers.1.weight"], dilation))
            x = _relu(_norm(np.concatenate(branches), weights, f"{name}.bn"))
            shortcut = x if block == 0 else shortcut
        x = _pool(x + shortcut)
        features.append(x)
    return list(_answers(features, histograms, weights, "", "fc1"))


def _autoshot_plain(frames: Array, histograms: Array, weights: Weights) -> list[Array]:
    x, features = frames.transpose(3, 0, 1, 2) / 255, []
    shortcut = x
    for number, (name, count) in enumerate(AUTOSHOT):
        shared = f"{name}.share.weight" in weights
        branches = []
        for branch in range(count):
            at = f"{name}.conv_blocks.{branch}.layers"
            inner = _conv3d(x, weights[f"{name}.share.weight" if shared else f"{at}.0.weight"])
            branches.append(_conv3d(inner, weights[f"{at}.{0 if shared else 1}.weight"], 2**branch))
        x = _relu(_norm(np.concatenate(branches), weights, f"{name}.batch_norm"))
        if number % 2:
            x = _pool(shortcut + x)
            features.append(x)
        shortcut = x
    return list(_answers(features, histograms, weights, ".linear", "fc1_0"))


@pytest.mark.parametrize(
    ("weights", "convert", "plain"),
    [(_transnet_weights(), _transnetv2, _transnet_plain), (_autoshot_weights(), _autoshot, _autoshot_plain)],
    ids=["transnetv2", "autoshot"],
)
def test_the_onnx_file_answers_like_the_published_architecture(weights: Weights, convert: Any, plain: Any) -> None:
    session = ort.InferenceSession(convert(weights), providers=["CPUExecutionProvider"])
    assert session.get_modelmeta().custom_metadata_map["window"] == "any"
    for length in (100, 24, 1):
        _compare(session, plain, weights, length)


def _compare(session: ort.InferenceSession, plain: Any, weights: Weights, length: int) -> None:
    rng = np.random.default_rng(3)
    frames = rng.integers(0, 256, (2, length, 27, 48, 3)).astype(np.uint8)
    histograms = rng.uniform(0, 1, (2, length, 512)).astype(np.float32)
    histograms /= np.linalg.norm(histograms, axis=2, keepdims=True)
    answers = session.run(["single", "many"], {"frames": frames, "histograms": histograms})
    expected = plain(frames[1].astype(np.float32), histograms[1], weights)
    for head in range(2):
        assert answers[head].shape == (2, length)
        assert length == 1 or np.ptp(expected[head]) > 1e-4
        np.testing.assert_allclose(answers[head][1], expected[head], atol=2e-5)
