"""Lanes that ask the taggers about the same picture have it looked at once."""

import gc
import os
import weakref
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.analyses import stages
from pipeline.analyses.stages import counting_explicit_stage, second_tag_stage, tag_stage, taggers
from pipeline.detect.explicit import NSFW
from pipeline.detect.types import Detections, Joined
from tests.support.stills import drawn

SIZES = {"tags-pplcnetv2": 1000, "tags-efficientnet-lite4": 1000, "moderation-nsfw": 5, "moderation-open-nsfw": 2}
NOBODY = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))


class Network:
    """Gives every class of its rows the same chance."""

    version, metadata = "1", {}

    def __init__(self, name: str, asked: Counter[str]) -> None:
        self._name, self._asked = name, asked

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        rows, classes = len(next(iter(inputs.values()))), SIZES[self._name]
        self._asked[self._name] += rows
        return [np.full((rows, classes), 1 / classes, np.float32)]


class Networks:
    """Models whose sessions count."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    def has(self, name: str) -> bool:
        return True

    def load(self, name: str) -> Network:
        return Network(name, self.asked)


@dataclass
class Unhashable(Networks):
    asked: Counter[str] = field(default_factory=Counter)


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("first", [0, 1])
def test_two_lanes_ask_once_whoever_comes_first(first: int, counts: bool) -> None:
    models = Networks()
    explicit = counting_explicit_stage(models, 500, lambda found, tags, unsafe: counts)
    assert explicit.needs == "objects-500ms"
    frame = Held(drawn(np.full((64, 64, 3), 7, np.uint8)))

    def tag() -> None:
        for stage in (tag_stage(models, 500), second_tag_stage(models, 300)):
            (found,) = stage.detector.detect([stage.detector.prepare(frame)])
            assert len(found.classes) == 0  # of a thousand equal chances none is worth telling

    def look() -> None:
        (values,) = explicit.detector.detect([Joined(explicit.detector.prepare(frame), NOBODY)])
        assert values.values[NSFW] == 0.5
        assert values.values[:NSFW].tolist() == ([pytest.approx(0.2)] * 5 if counts else [0.0] * 5)

    for step in (tag, look) if first else (look, tag):
        step()
    assert models.asked == Counter(dict.fromkeys(SIZES, 1)) - Counter({"moderation-nsfw": 0 if counts else 1})


def test_models_have_taggers_of_their_own_that_end_with_them() -> None:
    models, others = Networks(), Networks()
    assert taggers(models) is taggers(models)
    assert taggers(models)[0] is not taggers(others)[0]
    gone = weakref.ref(taggers(models)[0])
    del models
    gc.collect()
    assert gone() is None


def test_models_that_no_dictionary_holds_share_nothing_but_work() -> None:
    models = Unhashable()
    assert taggers(models)[0] is not taggers(models)[0]


def test_another_process_has_taggers_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    models = Networks()
    before = taggers(models)
    monkeypatch.setattr(stages.os, "getpid", os.getppid)
    assert taggers(models)[0] is not before[0]


class Held:
    """A frame that makes each size once, as decoded ones do."""

    def __init__(self, frame: Any) -> None:
        self._frame, self._made = frame, {}

    def rgb(self, width: int, height: int) -> Any:
        return self._made.setdefault((width, height), self._frame.rgb(width, height))
