"""An edited rewrite needs a raised `revision` of the models that have it, or files that were pulled before are taken for its."""

import hashlib

import onnx
import pytest
from onnx import numpy_helper

from pipeline.models.convert.rewrites import REWRITES, rewritten
from pipeline.models.convert.rewriting import attributes
from pipeline.models.manifest import Entry, read_manifest
from tests.support.drawn_graphs import (
    Drawn,
    cancelling,
    enlarging,
    expected,
    framed,
    padded_window,
    prelus,
    scales,
    shortcut,
    single,
)

DRAWN: dict[str, Drawn] = {
    "plain": cancelling(),
    "blocked-prelus": prelus(),
    "convolutions-that-pad": framed(),
    "enlarged-once": enlarging(),
    "expected-in-fours": expected(-1, 4),
    "folded-scales": scales(),
    "joined-residual-scales": shortcut(),
    "split-single-filters": single(),
    "windows-that-pad": padded_window(),
}
PINNED = {
    "4687f9d35b80": "417f44f7f7d7",  # face-sface
    "106979fe9619": "4cbd0b198953",  # objects-picodet-s
    "276758960329": "5460d7fcdab1",  # text-boxes-ppocrv6-tiny
    "5b31812fb25f": "ef003f792634",  # face-mesh
    "d35710b9d640": "3617c57f6e72",  # moderation-open-nsfw
}
"""Fingerprint of a model -> digest of what its rewrites make of drawn graphs. Lines are added or removed, never changed: where a
digest differs, raise `revision` of the model in manifest.toml and pin its new fingerprint.
"""
ENTRIES = [entry for entry in read_manifest().values() if entry.rewrites]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_an_edited_rewrite_has_a_raised_revision(entry: Entry) -> None:
    digest = hashlib.sha256("\n".join(told(name) for name in entry.rewrites).encode()).hexdigest()[:12]
    assert PINNED.get(entry.fingerprint) == digest, (
        f"{entry.name}: raise its revision, pin its new fingerprint: {digest}"
    )


def test_every_rewrite_is_drawn_and_changes_its_graph() -> None:
    assert DRAWN.keys() == REWRITES.keys()
    assert PINNED.keys() == {entry.fingerprint for entry in ENTRIES}
    for name, graph in DRAWN.items():
        assert [node.op_type for node in changed(name).graph.node] != [node.op_type for node in graph.nodes]


def changed(name: str) -> onnx.ModelProto:
    return onnx.load_from_string(rewritten(DRAWN[name].file("f"), [name]))


def told(name: str) -> str:
    """Operators and constants; of rewrites that ONNX Runtime has no part in also attributes, and who takes what."""
    graph = changed(name).graph
    numbers: dict[str, int] = {}
    lines = []
    for node in graph.node:
        ends = [numbers.setdefault(end, len(numbers)) for end in (*node.input, *node.output)]
        lines.append(f"{node.op_type} {'' if name == 'plain' else (ends, attributes(node))}")
    values = [numpy_helper.to_array(tensor) for tensor in graph.initializer]
    return "\n".join(lines + sorted(f"{each.dtype.str} {each.shape} {each.tobytes().hex()}" for each in values))
