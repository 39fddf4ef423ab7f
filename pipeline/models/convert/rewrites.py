"""The rewrites of the manifest by name, in the order that it gives them."""

from collections.abc import Callable, Iterable, Mapping

from pipeline.errors import ModelError
from pipeline.models.convert.faster import (
    blocked_prelus,
    folded_scales,
    joined_residual_scales,
    split_single_filters,
)
from pipeline.models.convert.open_nsfw import convolutions_that_pad, windows_that_pad
from pipeline.models.convert.picodet import expected_in_fours
from pipeline.models.convert.plain import known_sizes, plain
from pipeline.models.convert.ppocr_boxes import enlarged_once
from pipeline.models.convert.rewriting import Rewriting


def rewritten(raw: bytes, names: Iterable[str]) -> bytes:
    """The ONNX file after the named rewrites: the same answers, up to rounding.

    Raises:
        ModelError: there is no such rewrite, or the network does not suit it.
    """
    wanted = [*names]
    if unknown := sorted(set(wanted) - set(REWRITES)):
        raise ModelError(f"there are no rewrites {', '.join(unknown)}; there are {', '.join(REWRITES)}")
    if not wanted:
        return raw
    graph = Rewriting(raw)
    for name in wanted:
        REWRITES[name](graph)
    return graph.finish()


def _plain(graph: Rewriting) -> None:
    graph.become(plain(graph.finish()))
    if known_sizes(graph):
        graph.become(plain(graph.finish()))


REWRITES: Mapping[str, Callable[[Rewriting], None]] = {
    "plain": _plain,
    "blocked-prelus": blocked_prelus,
    "convolutions-that-pad": convolutions_that_pad,
    "enlarged-once": enlarged_once,
    "expected-in-fours": expected_in_fours,
    "folded-scales": folded_scales,
    "joined-residual-scales": joined_residual_scales,
    "split-single-filters": split_single_filters,
    "windows-that-pad": windows_that_pad,
}
