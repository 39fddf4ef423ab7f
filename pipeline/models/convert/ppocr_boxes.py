"""The end of PP-OCR's text detector in operators that ONNX Runtime runs faster."""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from pipeline.errors import ModelError
from pipeline.models.convert.rewriting import Floats, Rewriting, attributes, per_channel

_OTHER = "the network does not end as PP-OCR's text detector does"
_STEP = 2
_SHUFFLED = _STEP * _STEP
_KINDS = ["ConvTranspose", "Add", "Relu", "ConvTranspose", "Add", "Sigmoid"]
_PLAIN = {
    "auto_pad": b"NOTSET",
    "dilations": [1, 1],
    "group": 1,
    "kernel_shape": [_STEP, _STEP],
    "output_padding": [0, 0],
    "pads": [0, 0, 0, 0],
    "strides": [_STEP, _STEP],
}
"""All that may be said of a transposed convolution whose windows do not overlap; only the strides must be."""


def enlarged_once(graph: Rewriting) -> None:
    """Two transposed convolutions of 2 x 2 pixels without overlap: products per pixel, whose 16 places are put apart at the end.

    What follows the first, a sum per channel and a ReLU, and the second, a sum and a sigmoid, does not ask where a pixel lies.

    Raises:
        ModelError: the network ends in another way.
    """
    if len(graph.nodes("ConvTranspose")) != 2:
        raise ModelError(_OTHER)
    first, second = graph.nodes("ConvTranspose")
    chain = [first, *_following(graph, first.output[0], second)]
    tail = [second, *_following(graph, second.output[0], None)]
    if [node.op_type for node in (*chain, *tail)] != _KINDS or second.input[0] != chain[-1].output[0]:
        raise ModelError(_OTHER)
    wide, narrow = _places(graph, first), _places(graph, second)
    if narrow.shape[1] != 1 or narrow.shape[2] != wide.shape[1]:
        raise ModelError(_OTHER)
    sums = [_sums(graph, chain[1], wide.shape[1]), _sums(graph, tail[1], 1)]
    places = len(wide)
    inner = np.zeros((places * _SHUFFLED, places * wide.shape[1]), np.float32)
    for place in range(places):
        # Of the answer's pixel, its place in the second enlargement counts within its place in the first.
        rows = slice(place * _SHUFFLED, (place + 1) * _SHUFFLED)
        inner[rows, place * wide.shape[1] : (place + 1) * wide.shape[1]] = narrow[:, 0]
    order = [_shuffled(row, column) for row in range(_SHUFFLED) for column in range(_SHUFFLED)]
    weights = {
        "wide": wide.reshape(-1, wide.shape[2], 1, 1),
        "wide_sum": np.tile(sums[0], places),
        "inner": inner[order][:, :, None, None],
        "inner_sum": np.tile(sums[1], places * _SHUFFLED),
    }
    names = {key: graph.add(f"enlarged.{key}", values) for key, values in weights.items()}
    out = tail[-1].output[0]
    graph.replace(
        [*chain, *tail],
        [
            helper.make_node("Conv", [first.input[0], names["wide"], names["wide_sum"]], ["enlarged.1"]),
            helper.make_node("Relu", ["enlarged.1"], ["enlarged.2"]),
            helper.make_node("Conv", ["enlarged.2", names["inner"], names["inner_sum"]], ["enlarged.3"]),
            helper.make_node("Sigmoid", ["enlarged.3"], ["enlarged.4"]),
            helper.make_node("DepthToSpace", ["enlarged.4"], [out], blocksize=_SHUFFLED),
        ],
    )


def _following(graph: Rewriting, name: str, end: object) -> list[onnx.NodeProto]:
    """The nodes that alone take each other's result, up to the given one; None: up to what others want as well."""
    found: list[onnx.NodeProto] = []
    while graph.private(name):
        node = graph.consumers(name)[0]
        if node is end:
            return found
        found.append(node)
        name = node.output[0]
    if end is not None:
        raise ModelError(_OTHER)
    return found


def _sums(graph: Rewriting, node: onnx.NodeProto, channels: int) -> Floats:
    """What an Add adds to each channel."""
    given = graph.constant(node.input[1])
    values = per_channel(given, channels)
    if given is None or values is None or given.size != channels:
        raise ModelError(_OTHER)
    return values


def _places(graph: Rewriting, node: onnx.NodeProto) -> NDArray[np.float32]:
    """A transposed convolution's weights as (places, filters, channels), place = 2 · row + column."""
    weights, told = graph.constant(node.input[1]), attributes(node)
    shape = None if weights is None else weights.shape[2:]
    if shape != (_STEP, _STEP) or "strides" not in told or len(node.input) != 2:
        raise ModelError(_OTHER)
    if any(name not in _PLAIN or _PLAIN[name] != value for name, value in told.items()):
        raise ModelError(_OTHER)
    values = np.asarray(weights, np.float32)
    return values.transpose(2, 3, 1, 0).reshape(_SHUFFLED, values.shape[1], values.shape[0])


def _shuffled(row: int, column: int) -> int:
    """Where among the products the answer's pixel at (row, column) of a 4 x 4 square is."""
    outer = row // _STEP * _STEP + column // _STEP
    return outer * _SHUFFLED + row % _STEP * _STEP + column % _STEP
