"""The rewrites that several models share; each takes a `Rewriting` and changes it in place."""

import numpy as np
import onnx
from onnx import helper

from pipeline.models.convert.rewriting import BLOCK, Floats, Rewriting, attributes, per_channel


def blocked_prelus(graph: Rewriting) -> None:
    """PReLU as depthwise convolutions of one pixel: relu((1 - a)·y) + a·y; where some a is above 1, (1 - a)·relu(y) + a·y.

    ONNX Runtime's PReLU takes several times as long as the convolutions around it, and forces them out of their layout.
    """
    for node in graph.nodes("PRelu"):
        data, name = node.input
        values = graph.constant(name)
        slopes = None if values is None else per_channel(values, max(values.shape, default=1))
        if slopes is None or len(slopes) % BLOCK:
            continue
        out = node.output[0]
        part, bent, scaled = f"{out}.part", f"{out}.bent", f"{out}.scaled"
        rest = graph.add(f"{out}.rest", _pixels(1 - slopes))
        slope = graph.add(f"{out}.slope", _pixels(slopes))
        if slopes.max() > 1:
            bending = [helper.make_node("Relu", [data], [part]), _each_channel(part, rest, bent, len(slopes))]
        else:
            bending = [_each_channel(data, rest, part, len(slopes)), helper.make_node("Relu", [part], [bent])]
        total = helper.make_node("Add", [scaled, bent], [out])
        graph.replace([node], [*bending, _each_channel(data, slope, scaled, len(slopes)), total])


def _each_channel(data: str, weights: str, out: str, channels: int) -> onnx.NodeProto:
    return helper.make_node("Conv", [data, weights], [out], kernel_shape=[1, 1], group=channels)


def split_single_filters(graph: Rewriting) -> None:
    """A convolution with a single filter as one per channel, and the sum of the channels: MLAS pads one filter to sixteen."""
    for node in graph.nodes("Conv"):
        values = graph.constant(node.input[1])
        if values is None or values.ndim != 4 or values.shape[0] != 1 or attributes(node).get("group", 1) != 1:
            continue
        channels, *kernel = values.shape[1:]
        if channels % BLOCK or np.prod(kernel) == 1:
            continue
        out = node.output[0]
        apart = graph.add(f"{out}.apart", values.reshape(channels, 1, *kernel))
        ones = graph.add(f"{out}.ones", np.ones((1, channels, 1, 1), np.float32))
        kept = {**attributes(node), "group": channels}
        graph.replace(
            [node],
            [
                helper.make_node("Conv", [node.input[0], apart], [f"{out}.channels"], **kept),
                helper.make_node("Conv", [f"{out}.channels", ones, *node.input[2:]], [out], kernel_shape=[1, 1]),
            ],
        )


def joined_residual_scales(graph: Rewriting) -> None:
    """x + x·s as x·(1 + s), whatever the shape of s: with a number per channel, as squeeze and excitation has beside a shortcut, the
    picture is looked at once less; with one per pixel nothing is gained.
    """
    for total in graph.nodes("Add"):
        for kept, name in (tuple(total.input), tuple(total.input)[::-1]):
            product = graph.producer(name)
            if product is None or product.op_type != "Mul" or not graph.private(name):
                continue
            if [*product.input].count(kept) != 1:
                continue
            scale = next(each for each in product.input if each != kept)
            more, one = f"{scale}.more", graph.add(f"{scale}.one", np.ones((), np.float32))
            larger = helper.make_node("Add", [scale, one], [more])
            graph.replace([product, total], [larger, helper.make_node("Mul", [kept, more], [total.output[0]])])
            break


def folded_scales(graph: Rewriting) -> None:
    """Sums, differences and products with constants per channel that follow a convolution, worked into its weights."""
    for conv in graph.nodes("Conv"):
        _fold_into(graph, conv.output[0])


def _fold_into(graph: Rewriting, name: str) -> None:
    while graph.private(name):
        conv, node = graph.producer(name), graph.consumers(name)[0]
        weights = None if conv is None else graph.constant(conv.input[1])
        if conv is None or weights is None or weights.ndim != 4 or node.op_type not in ("Add", "Sub", "Mul"):
            return
        other = next(each for each in node.input if each != name)
        values = per_channel(graph.constant(other), len(weights))
        given = graph.constant(conv.input[2]) if len(conv.input) > 2 else np.zeros(len(weights), np.float32)
        if values is None or given is None or (node.op_type == "Sub" and node.input[0] != name):
            return
        weights, bias = _folded(node.op_type, weights.astype(np.float32), given.astype(np.float32), values)
        out = node.output[0]
        inputs = [conv.input[0], graph.add(f"{out}.weights", weights), graph.add(f"{out}.bias", bias)]
        kept = attributes(conv)
        graph.replace([conv, node], [helper.make_node("Conv", inputs, [out], **kept)])
        name = out


def _folded(kind: str, weights: Floats, bias: Floats, values: Floats) -> tuple[Floats, Floats]:
    if kind == "Mul":
        return weights * values[:, None, None, None], bias * values
    return weights, bias + values if kind == "Add" else bias - values


def _pixels(values: Floats) -> Floats:
    return values.reshape(-1, 1, 1, 1)
