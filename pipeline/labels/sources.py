"""Where the labels come from."""

from collections.abc import Mapping
from functools import cache

from pipeline.labels.rules import rules
from pipeline.labels.vocabulary import vocabulary

FACE = "Face"
"""The label of what the face detector finds."""
SOURCES: Mapping[str, str] = {
    "object": "the object detector finds it, with boxes",
    "picture": "the taggers recognise it in the whole picture",
    "face": "the face detector finds it",
    "rule": "it follows from other labels",
    "kind": "it is an ancestor of labels that are seen",
}


@cache
def sources() -> Mapping[str, tuple[str, ...]]:
    """Label -> the keys of `SOURCES` that can make it appear, in their order."""
    words = vocabulary()
    direct = {
        "object": frozenset(words.coco),
        "picture": frozenset(words.imagenet),
        "face": frozenset({FACE}),
        "rule": frozenset(rule.label for rule in rules() if rule.chance),
    }
    kinds = frozenset(up for found in direct.values() for name in found for up in words.labels[name].parents)
    by_source = {**direct, "kind": kinds}
    return {name: tuple(source for source in SOURCES if name in by_source[source]) for name in words.labels}
