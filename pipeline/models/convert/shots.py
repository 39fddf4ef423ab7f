"""The shot networks AutoShot and TransNetV2 as ONNX, built from their PyTorch checkpoints without PyTorch.

Both are stacks of factorised 3-D convolutions over T frames of 48×27 RGB, published for T = 100; the file takes any T, at a cost in
proportion. They are re-expressed exactly, about twice as fast:
(1,3,3) kernels run as 2-D convolutions over frames, dilated (3,1,1) kernels as 2-D convolutions over (time, pixels), the first
convolutions of a layer's branches are merged, batch norm is folded, the similarity band is a pad and a reshape, and the colour
histogram comes in as an input, because counting is cheaper outside.

Inputs: `frames` (B, T, 27, 48, 3) uint8 RGB, `histograms` (B, T, 512) float32, rows of length 1, bin = r>>5<<6 | g>>5<<3 | b>>5.
Outputs: `single` (B, T) probability that the frame is the last before a new shot, `many` (B, T) that it belongs to a transition.
The file's metadata say `window: any`.

Source: Souček and Lokoč, "TransNet V2" (2020); Zhu et al., "AutoShot" (CVPR 2023 workshops).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, checker, helper, numpy_helper

from pipeline.models.convert.torch_zip import state_dict

WINDOW = "t"
"""Name of the free number of frames."""
BAND = 101
BATCH_NORM_EPS = 1e-3
OPSET, IR_VERSION = 17, 8

Array = NDArray[Any]
Weights = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Layer:
    """One dilated layer, folded.

    Attributes:
        space: (M, C, 3, 3) kernels over the pixels of a frame.
        time: Per dilation 1, 2, 4, …: (F, M', 3, 1) kernels over time and their (F,) biases, batch norm inside.
        shared: True where every dilation reads all of `space`'s channels, else each reads its own M / len(time).
        relu: True where the layer ends in a rectifier.
    """

    space: Array
    time: Sequence[tuple[Array, Array]]
    shared: bool
    relu: bool


def autoshot(pth: bytes) -> bytes:
    """AutoShot's published checkpoint as an ONNX file."""
    return _autoshot(state_dict(pth))


def transnetv2(pth: bytes) -> bytes:
    """TransNetV2's published weights (PyTorch port) as an ONNX file."""
    return _transnetv2(state_dict(pth))


def _autoshot(weights: Weights) -> bytes:
    names = ("Layer_0_3", "Layer_1_8", "Layer_2_8", "Layer_3_8", "Layer_4_13", "Layer_5_12")
    layers = [_autoshot_layer(weights, name) for name in names]
    head = {
        "projection": "frame_sim_layer.projection.linear",
        "similarity": "frame_sim_layer.fc.linear",
        "color": "color_hist_layer.fc.linear",
        "hidden": "fc1_0.linear",
        "single": "cls_layer1.linear",
        "many": "cls_layer2.linear",
    }
    return _network("autoshot", layers, _head(weights, head), relu_before_shortcut=False)


def _transnetv2(weights: Weights) -> bytes:
    layers = [_transnet_layer(weights, f"SDDCNN.{s}.DDCNN.{d}", relu=d == 0) for s in range(3) for d in range(2)]
    head = {
        "projection": "frame_sim_layer.projection",
        "similarity": "frame_sim_layer.fc",
        "color": "color_hist_layer.fc",
        "hidden": "fc1",
        "single": "cls_layer1",
        "many": "cls_layer2",
    }
    return _network("transnetv2", layers, _head(weights, head), relu_before_shortcut=True)


def _head(weights: Weights, names: Mapping[str, str]) -> dict[str, tuple[Array, Array]]:
    """Part -> (inputs, outputs) matrix and bias of its linear layer."""
    return {part: (weights[f"{name}.weight"].T, weights[f"{name}.bias"]) for part, name in names.items()}


def _autoshot_layer(weights: Weights, name: str) -> Layer:
    shared = f"{name}.share.weight" in weights
    branches = range(sum(key.startswith(f"{name}.conv_blocks.") for key in weights) // (1 if shared else 2))
    time = [weights[f"{name}.conv_blocks.{b}.layers.{0 if shared else 1}.weight"] for b in branches]
    if shared:
        space = weights[f"{name}.share.weight"]
    else:
        space = np.concatenate([weights[f"{name}.conv_blocks.{b}.layers.0.weight"] for b in branches])
    return Layer(space[:, :, 0], _fold(time, weights, f"{name}.batch_norm"), shared, relu=True)


def _transnet_layer(weights: Weights, name: str, *, relu: bool) -> Layer:
    branches = [f"{name}.Conv3D_{dilation}" for dilation in (1, 2, 4, 8)]
    space = np.concatenate([weights[f"{branch}.layers.0.weight"] for branch in branches])
    time = [weights[f"{branch}.layers.1.weight"] for branch in branches]
    return Layer(space[:, :, 0], _fold(time, weights, f"{name}.bn"), shared=False, relu=relu)


def _fold(time: Sequence[Array], weights: Weights, norm: str) -> list[tuple[Array, Array]]:
    """Kernels (F, M, 3, 1, 1) over time and the batch norm behind their concatenation -> kernels (F, M, 3, 1), biases."""
    scale = weights[f"{norm}.weight"] / np.sqrt(weights[f"{norm}.running_var"] + np.float32(BATCH_NORM_EPS))
    shift = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
    edges = np.cumsum([0, *(len(kernel) for kernel in time)])
    spans = [slice(a, b) for a, b in pairwise(edges)]
    return [(k[..., 0] * scale[s, None, None, None], shift[s]) for k, s in zip(time, spans, strict=True)]


class _Graph:
    """Collects nodes and constants; every method returns the name of its result."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.length = self.add("Slice", self.add("Shape", "frames"), self.integers(1), self.integers(2))

    def constant(self, value: Array) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, kind: str, *inputs: str, out: str | None = None, **attributes: Any) -> str:
        out = out or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [out], **attributes))
        return out

    def integers(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def reshape(self, x: str, *shape: int) -> str:
        return self.add("Reshape", x, self.integers(*shape))

    def windows(self, x: str, *shape: int) -> str:
        """Reshaped to (B, T, *shape)."""
        target = self.add("Concat", self.integers(-1), self.length, *([self.integers(*shape)] if shape else []), axis=0)
        return self.add("Reshape", x, target)

    def transpose(self, x: str, *order: int) -> str:
        return self.add("Transpose", x, perm=list(order))

    def linear(self, x: str, layer: tuple[Array, Array]) -> str:
        return self.add("Add", self.add("MatMul", x, self.constant(layer[0])), self.constant(layer[1]))

    def channels(self, x: str, start: int, stop: int) -> str:
        limits = (self.constant(np.array([v], np.int64)) for v in (start, stop, 1))
        return self.add("Slice", x, *limits)

    def bytes(self, name: str) -> bytes:
        model = helper.make_model(
            helper.make_graph(self.nodes, name, _inputs(), _outputs(), self.constants),
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="reelsight",
        )
        helper.set_model_props(model, {"window": "any"})
        checker.check_model(model, full_check=True)
        raw: bytes = model.SerializeToString()
        return raw


def _inputs() -> list[Any]:
    return [
        helper.make_tensor_value_info("frames", TensorProto.UINT8, ["b", WINDOW, 27, 48, 3]),
        helper.make_tensor_value_info("histograms", TensorProto.FLOAT, ["b", WINDOW, 512]),
    ]


def _outputs() -> list[Any]:
    return [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["b", WINDOW]) for name in ("single", "many")]


def _network(
    name: str, layers: Sequence[Layer], head: Mapping[str, tuple[Array, Array]], *, relu_before_shortcut: bool
) -> bytes:
    graph = _Graph()
    pixels = graph.add("Cast", "frames", to=TensorProto.FLOAT)
    pixels = graph.reshape(graph.transpose(pixels, 0, 1, 4, 2, 3), -1, 3, 27, 48)
    x = graph.add("Div", pixels, graph.constant(np.array(255, np.float32)))
    features, size = [], (27, 48)
    for first, second in zip(layers[::2], layers[1::2], strict=True):
        shortcut = _layer(graph, x, first, size)
        x = _layer(graph, shortcut, second, size)
        x = graph.add("Relu", x) if relu_before_shortcut else x
        size = (size[0] // 2, size[1] // 2)
        x = graph.add("AveragePool", graph.add("Add", shortcut, x), kernel_shape=[2, 2], strides=[2, 2])
        features.append(x)
    _classify(graph, x, features, head)
    return graph.bytes(name)


def _layer(graph: _Graph, x: str, layer: Layer, size: tuple[int, int]) -> str:
    """Frames (B·T, C, H, W) through one layer; the same shape with the layer's channels."""
    height, width = size
    middle = len(layer.space)
    y = graph.add("Conv", x, graph.constant(layer.space), kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    y = graph.transpose(graph.windows(y, middle, height * width), 0, 2, 1, 3)
    y = graph.add("Concat", *(_branch(graph, y, layer, b) for b in range(len(layer.time))), axis=1)
    y = graph.add("Relu", y) if layer.relu else y
    filters = sum(len(bias) for _, bias in layer.time)
    return graph.reshape(graph.transpose(y, 0, 2, 1, 3), -1, filters, height, width)


def _branch(graph: _Graph, y: str, layer: Layer, branch: int) -> str:
    """One dilation over (B, M, T, H·W)."""
    kernel, bias = layer.time[branch]
    own, dilation = kernel.shape[1], 2**branch
    part = y if layer.shared else graph.channels(y, branch * own, (branch + 1) * own)
    return graph.add(
        "Conv",
        part,
        graph.constant(kernel),
        graph.constant(bias),
        kernel_shape=[3, 1],
        dilations=[dilation, 1],
        pads=[dilation, 0, dilation, 0],
    )


def _classify(graph: _Graph, x: str, features: Sequence[str], head: Mapping[str, tuple[Array, Array]]) -> None:
    """The last frames (B·T, C, 3, 6) and the features of every block -> the two outputs."""
    pixels = graph.transpose(x, 0, 2, 3, 1)
    pixels = graph.windows(pixels, len(head["hidden"][0]) - 2 * len(head["similarity"][1]))
    color = graph.add("Relu", graph.linear(_band(graph, "histograms"), head["color"]))
    frames = graph.add("Relu", graph.linear(_band(graph, _embedding(graph, features, head)), head["similarity"]))
    both = graph.add("Concat", color, frames, pixels, axis=2)
    hidden = graph.add("Relu", graph.linear(both, head["hidden"]))
    for name in ("single", "many"):
        logits = graph.windows(graph.linear(hidden, head[name]))
        graph.add("Sigmoid", logits, out=name)


def _embedding(graph: _Graph, features: Sequence[str], head: Mapping[str, tuple[Array, Array]]) -> str:
    """(B, T, 128) unit vectors from the mean of every feature map."""
    means = [graph.add("ReduceMean", f, axes=[2, 3], keepdims=0) for f in features]
    joined = graph.windows(graph.add("Concat", *means, axis=1), len(head["projection"][0]))
    projected = graph.linear(joined, head["projection"])
    length = graph.add("ReduceL2", projected, axes=[2], keepdims=1)
    length = graph.add("Max", length, graph.constant(np.array(1e-12, np.float32)))
    return graph.add("Div", projected, length)


def _band(graph: _Graph, x: str) -> str:
    """Rows (B, T, K) -> (B, T, 101): the product of each row with its neighbours from -50 to +50, zero beyond the window."""
    reach = BAND // 2
    products = graph.add("MatMul", x, graph.transpose(x, 0, 2, 1))
    padded = graph.add("Pad", products, graph.integers(0, 0, reach, 0, 0, reach))
    # Rows of T + 100 read as rows of T + 101: each begins one column later than the last.
    more = graph.add("Concat", graph.integers(0, 0, 0), graph.length, axis=0)
    flat = graph.add("Pad", graph.add("Flatten", padded, axis=1), more)
    skewed = graph.add(
        "Reshape", flat, graph.add("Concat", graph.integers(0), graph.length, graph.integers(-1), axis=0)
    )
    return graph.add("Slice", skewed, graph.integers(0), graph.integers(BAND), graph.integers(2))
