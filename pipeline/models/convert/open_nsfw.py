"""Paddings of Open NSFW, which its converter from TensorFlow left beside what they pad."""

from typing import Any

import onnx
from onnx import helper

from pipeline.models.convert.rewriting import Rewriting, attributes

_LAST_REPEATED = [0, 0, 0, 0, 0, 0, 1, 1]
"""Amounts of a Pad that repeats the last row and the last column of (B, C, H, W)."""


def windows_that_pad(graph: Rewriting) -> None:
    """Maxima of 3 x 3 pixels, every second, pad themselves; TensorFlow's SAME repeated the last row, which changes no maximum."""
    for pad in graph.nodes("Pad"):
        pool = _only_consumer(graph, pad.output[0])
        if pool is None or pool.op_type != "MaxPool" or len(pool.output) != 1:
            continue
        if attributes(pad).get("mode") != b"edge" or _amounts(graph, pad) != _LAST_REPEATED:
            continue
        window = attributes(pool)
        if not _pads_nothing(window) or window.get("ceil_mode", 0) or any(k != 1 for k in window.get("dilations", ())):
            continue
        size = {key: window.get(key) for key in ("kernel_shape", "strides")}
        if size != {"kernel_shape": [3, 3], "strides": [2, 2]}:
            continue
        padded = helper.make_node("MaxPool", [pad.input[0]], [pool.output[0]], **size, pads=[0, 0, 1, 1])
        graph.replace([pad, pool], [padded])


def convolutions_that_pad(graph: Rewriting) -> None:
    """Zeros around a picture (B, H, W, C) as the padding of the convolution that takes it turned to (B, C, H, W)."""
    for pad in graph.nodes("Pad"):
        turn = _only_consumer(graph, pad.output[0])
        conv = None if turn is None else _only_consumer(graph, turn.output[0])
        amounts = _amounts(graph, pad)
        if turn is None or conv is None or (turn.op_type, conv.op_type) != ("Transpose", "Conv"):
            continue
        if conv.input[0] != turn.output[0] or len(amounts) != 8 or min(amounts) < 0:
            continue
        first, top, left, none, last, bottom, right, also_none = amounts
        kept, order = attributes(conv), attributes(turn).get("perm")
        if any((first, none, last, also_none)) or order != [0, 3, 1, 2] or not _with_zeros(graph, pad):
            continue
        if not _pads_nothing(kept):
            continue
        kept["pads"] = [top, left, bottom, right]
        turned = helper.make_node("Transpose", [pad.input[0]], [turn.output[0]], perm=order)
        padded = helper.make_node("Conv", [turn.output[0], *conv.input[1:]], [conv.output[0]], **kept)
        graph.replace([pad, turn, conv], [turned, padded])


def _only_consumer(graph: Rewriting, name: str) -> onnx.NodeProto | None:
    return graph.consumers(name)[0] if graph.private(name) else None


def _amounts(graph: Rewriting, pad: onnx.NodeProto) -> list[int]:
    """What a Pad adds before and behind every axis; nothing where that is computed, or said of some axes only."""
    amounts = graph.constant(pad.input[1]) if len(pad.input) in (2, 3) else None
    return [] if amounts is None else [int(each) for each in amounts.ravel()]


def _pads_nothing(window: dict[str, Any]) -> bool:
    return not any(window.get("pads", ())) and window.get("auto_pad", b"NOTSET") == b"NOTSET"


def _with_zeros(graph: Rewriting, pad: onnx.NodeProto) -> bool:
    given = graph.constant(pad.input[2]) if len(pad.input) > 2 and pad.input[2] else None
    no_value = len(pad.input) < 3 or not pad.input[2]
    return attributes(pad).get("mode", b"constant") == b"constant" and (
        no_value or (given is not None and not given.any())
    )
