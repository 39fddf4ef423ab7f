"""Paddings of Open NSFW, which its converter from TensorFlow left beside what they pad."""

import onnx
from onnx import helper

from pipeline.models.convert.rewriting import Rewriting, attributes


def windows_that_pad(graph: Rewriting) -> None:
    """Maxima of 3 x 3 pixels, every second, pad themselves; TensorFlow's SAME repeated the last row, which changes no maximum."""
    for pad in graph.nodes("Pad"):
        pool = _only_consumer(graph, pad.output[0])
        if pool is None or pool.op_type != "MaxPool" or attributes(pad).get("mode") != b"edge":
            continue
        window = attributes(pool)
        if (window["kernel_shape"], window["strides"]) != ([3, 3], [2, 2]) or any(window.get("pads", ())):
            continue
        size = {key: window[key] for key in ("kernel_shape", "strides")}
        padded = helper.make_node("MaxPool", [pad.input[0]], [pool.output[0]], **size, auto_pad="SAME_UPPER")
        graph.replace([pad, pool], [padded])


def convolutions_that_pad(graph: Rewriting) -> None:
    """Zeros around a picture (B, H, W, C) as the padding of the convolution that takes it turned to (B, C, H, W)."""
    for pad in graph.nodes("Pad"):
        turn = _only_consumer(graph, pad.output[0])
        conv = None if turn is None else _only_consumer(graph, turn.output[0])
        amounts = graph.constant(pad.input[1])
        if turn is None or conv is None or amounts is None or (turn.op_type, conv.op_type) != ("Transpose", "Conv"):
            continue
        first, top, left, none, last, bottom, right, also_none = amounts.tolist()
        kept, order = attributes(conv), attributes(turn)["perm"]
        if any((first, none, last, also_none)) or order != [0, 3, 1, 2] or not _with_zeros(graph, pad):
            continue
        if any(kept.get("pads", ())) or kept.get("auto_pad", b"NOTSET") != b"NOTSET":
            continue
        kept["pads"] = [top, left, bottom, right]
        turned = helper.make_node("Transpose", [pad.input[0]], [turn.output[0]], perm=order)
        padded = helper.make_node("Conv", [turn.output[0], *conv.input[1:]], [conv.output[0]], **kept)
        graph.replace([pad, turn, conv], [turned, padded])


def _only_consumer(graph: Rewriting, name: str) -> onnx.NodeProto | None:
    return graph.consumers(name)[0] if graph.private(name) else None


def _with_zeros(graph: Rewriting, pad: onnx.NodeProto) -> bool:
    given = graph.constant(pad.input[2]) if len(pad.input) > 2 and pad.input[2] else None
    no_value = len(pad.input) < 3 or not pad.input[2]
    return attributes(pad).get("mode", b"constant") == b"constant" and (
        no_value or (given is not None and not given.any())
    )
