"""Small networks with drawn weights, and whether two of them say the same."""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from pipeline.models.session import OnnxSession


class Drawn:
    """A graph under construction, with weights drawn as nodes are added: 64ths, the same everywhere."""

    def __init__(self, shape: list[int | str], opset: int = 14) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []
        self.shape, self.opset = shape, opset
        self._random = np.random.RandomState(5)  # whose stream NumPy has frozen

    def weights(self, *shape: int, values: NDArray[np.generic] | None = None) -> str:
        """The name of a new constant."""
        drawn = (self._random.randint(-128, 129, shape) / 64).astype(np.float32) if values is None else values
        self.tensors.append(numpy_helper.from_array(drawn, f"w{len(self.tensors)}"))
        return self.tensors[-1].name

    def add(self, kind: str, *inputs: str, to: str = "", **how: object) -> str:
        """The name of a new node's result."""
        out = to or f"{kind}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [*inputs], [out], **how))  # type: ignore[arg-type]
        return out

    def file(self, *outputs: str, domains: tuple[str, ...] = ()) -> bytes:
        """The ONNX file that takes `x` and answers with these."""
        ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        start = helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)
        graph = helper.make_graph(self.nodes, "drawn", [start], ends, self.tensors)
        opsets = [helper.make_opsetid("", self.opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        return bytes(onnx.shape_inference.infer_shapes(model).SerializeToString())


def kinds(raw: bytes) -> list[str]:
    """The operators of a file, in order."""
    return [node.op_type for node in onnx.load_from_string(raw).graph.node]


def assert_same(raw: bytes, changed: bytes, shape: tuple[int, ...]) -> None:
    """Both files answer the same about a drawn picture, up to rounding."""
    picture = np.random.default_rng(5).standard_normal(shape).astype(np.float32)
    old, new = (OnnxSession(each, name="drawn", version="1") for each in (raw, changed))
    for one, other in zip(old.run({"x": picture}), new.run({"x": picture}), strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-4 * float(np.abs(one).max()))


def prelus(low: float = -0.5, high: float = 0.875) -> Drawn:
    """A convolution, a PReLU with slopes between the two, a convolution; the answer is `f`."""
    graph = Drawn(["b", 3, "h", "w"])
    mixed = graph.add("Conv", "x", graph.weights(16, 3, 3, 3))
    slopes = np.linspace(low, high, 16, dtype=np.float32).reshape(16, 1, 1)
    bent = graph.add("PRelu", mixed, graph.weights(values=slopes))
    graph.add("Conv", bent, graph.weights(4, 16, 1, 1), to="f")
    return graph


def single(size: int = 3, stride: int = 1, *, biased: bool = True) -> Drawn:
    """A single filter over 32 channels; the answer is `f`."""
    graph = Drawn(["b", 32, "h", "w"])
    bias = [graph.weights(1)] if biased else []
    window = {"kernel_shape": [size, size], "pads": [size // 2] * 4, "strides": [stride, stride]}
    graph.add("Conv", "x", graph.weights(1, 32, size, size), *bias, to="f", **window)
    return graph


def scales() -> Drawn:
    """A convolution, then a difference, a product and a sum per channel, which is `seen`, and a product, `f`."""
    graph = Drawn(["b", 3, "h", "w"])
    made = graph.add("Conv", "x", graph.weights(6, 3, 3, 3), graph.weights(6))
    made = graph.add("Sub", made, graph.weights(1, 6, 1, 1))
    made = graph.add("Mul", graph.weights(6, 1, 1), made)
    made = graph.add("Add", made, graph.weights(1, 6, 1, 1), to="seen")
    graph.add("Mul", made, graph.weights(1, 6, 1, 1), to="f")
    return graph


def shortcut(*, turned: bool = False) -> Drawn:
    """Squeeze and excitation beside a shortcut; the answer is `f`."""
    graph = Drawn(["b", 8, "h", "w"])
    made = graph.add("Conv", "x", graph.weights(8, 8, 1, 1))
    pooled = graph.add("GlobalAveragePool", made)
    scaled = graph.add("Mul", *((pooled, made) if turned else (made, pooled)))
    graph.add("Add", *((scaled, made) if turned else (made, scaled)), to="f")
    return graph


def enlarging(channels: int = 1, sums: tuple[int, ...] = (1, 8, 1, 1), first: str = "c", **how: object) -> Drawn:
    """Two enlargements as PP-OCR's text detector ends; the answer is `f`, and the second takes `first`.

    Args:
        channels: Of the answer.
        sums: Shape of what is added between them.
        how: Other attributes of the first enlargement.
    """
    graph = Drawn(["b", 16, "h", "w"])
    twice = {"kernel_shape": [2, 2], "strides": [2, 2]}
    graph.add("ConvTranspose", "x", graph.weights(16, 8, 2, 2), to="a", **{**twice, **how})
    graph.add("Add", "a", graph.weights(*sums), to="b")
    graph.add("Relu", "b", to="c")
    graph.add("ConvTranspose", first, graph.weights(8, channels, 2, 2), to="d", **twice)
    graph.add("Add", "d", graph.weights(1, 1, 1, 1), to="e")
    graph.add("Sigmoid", "e", to="f")
    return graph


def expected(*target: int) -> Drawn:
    """A likely place among 8 for each of four sides, `m`, and in the target's shape, `f`; no target: the first only."""
    graph = Drawn(["b", 32, "h", "w"])
    turned = graph.add("Transpose", "x", perm=[0, 2, 3, 1])
    listed = graph.add("Reshape", turned, graph.weights(values=np.array([-1, 8])))
    likely = graph.add("Softmax", listed, axis=1)
    graph.add("MatMul", likely, graph.weights(values=np.arange(8, dtype=np.float32)), to="m")
    if target:
        graph.add("Reshape", "m", graph.weights(values=np.array(target)), to="f")
    return graph


def padded_window(amounts: tuple[int, ...] = (0, 0, 0, 0, 0, 0, 1, 1), mode: str = "edge", **how: object) -> Drawn:
    """A picture of 16 channels, padded, and its maxima of 3 x 3 pixels, every second: `f`."""
    graph = Drawn(["b", 16, "h", "w"])
    grown = graph.add("Pad", "x", graph.weights(values=np.array(amounts)), mode=mode)
    graph.add("MaxPool", grown, to="f", **{"kernel_shape": [3, 3], "strides": [2, 2], **how})
    return graph


def same_windows(side: int | str = 8) -> Drawn:
    """Maxima of a picture with this side, padded at run time by one behind even sides: `f`."""
    graph = Drawn(["b", 16, side, side])
    sides = graph.add("Shape", "x")
    amounts = [graph.weights(values=np.zeros(6, np.int64))]
    for axis in (2, 3):
        given = graph.add("Gather", sides, graph.weights(values=np.array(axis)), axis=0)
        two, one = (graph.weights(values=np.array([value])) for value in (2, 1))
        odd = graph.add("Mod", graph.add("Unsqueeze", given, graph.weights(values=np.array([0]))), two)
        amounts.append(graph.add("Sub", one, odd))
    grown = graph.add("Pad", "x", graph.add("Concat", *amounts, axis=0), mode="edge")
    graph.add("MaxPool", grown, to="f", kernel_shape=[3, 3], strides=[2, 2])
    return graph


def cancelling() -> Drawn:
    """Transposes that cancel out around a PReLU with its channels last: `f`."""
    graph = Drawn(["b", 4, 4, 3])
    turned = graph.add("Transpose", "x", perm=[0, 3, 1, 2])
    seen = graph.add("Conv", turned, graph.weights(16, 3, 3, 3))
    back = graph.add("Transpose", seen, perm=[0, 2, 3, 1])
    bent = graph.add("PRelu", back, graph.weights(1, 1, 16))
    graph.add("Transpose", bent, to="f", perm=[0, 3, 1, 2])
    return graph


def framed(
    amounts: tuple[int, ...] = (0, 3, 2, 0, 0, 1, 3, 0), order: tuple[int, ...] = (0, 3, 1, 2), **how: object
) -> Drawn:
    """A picture with its channels last, padded, turned and convolved: `f`."""
    graph = Drawn(["b", 8, 8, 3])
    grown = graph.add("Pad", "x", graph.weights(values=np.array(amounts)))
    turned = graph.add("Transpose", grown, perm=[*order])
    graph.add("Conv", turned, graph.weights(16, 3, 3, 3), to="f", **{"kernel_shape": [3, 3], **how})
    return graph
