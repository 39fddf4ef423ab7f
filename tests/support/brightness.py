"""Two small analyses without models, entered into the catalog as any other: brightness and contrast of every frame.

Their parameters can make the detector fail, so that failure of one analysis can be watched beside another.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from pipeline.aggregate.types import Aggregator, Galleries, Record
from pipeline.analyses.types import Parameters, Stage
from pipeline.catalog import OPERATIONS, Operation
from pipeline.detect.types import Values
from pipeline.media.types import EveryFrame, Frame, FrameIndex, MediaInfo, Timestamp
from pipeline.models.types import Models

BRIGHTNESS = Operation("BrightnessDetection", "brightness", "Brightness")
CONTRAST = Operation("ContrastDetection", "contrast", "Contrast")


class NoModels:
    """There are no models."""

    def load(self, name: str) -> Any:
        """Never called by these analyses."""
        raise KeyError(name)


@dataclass(slots=True)
class Watch:
    """What the detectors did, and what they are to do at a frame.

    Attributes:
        seen: Analysis -> frame values it was asked for, once per detected frame.
        at_batch: Analysis -> called before each of its batches.
    """

    seen: dict[str, int] = field(default_factory=dict)
    at_batch: dict[str, Callable[[], None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Measure:
    name: str
    value: Callable[[Any], float]
    watch: Watch
    batch: int = 4

    def prepare(self, frame: Frame) -> float:
        return self.value(frame.luma())

    def detect(self, prepared: Sequence[float]) -> Sequence[Values]:
        self.watch.at_batch.get(self.name, lambda: None)()
        self.watch.seen[self.name] = self.watch.seen.get(self.name, 0) + len(prepared)
        return [Values(np.array([value], dtype=np.float32)) for value in prepared]


@dataclass(slots=True)
class _Lister:
    name: str
    fails: bool
    count: int = 0

    def add(self, index: int, timestamp: Timestamp, found: Mapping[str, Any]) -> Iterable[Record]:
        self.count += 1
        body = {"Timestamp": timestamp.millis, "Frame": index, "Value": round(float(found[self.name].values[0]), 3)}
        yield Record(body, timestamp.millis)

    def finish(self, end: Timestamp) -> Iterable[Record]:
        if self.fails:
            raise ArithmeticError("nothing adds up")
        return ()

    def summary(self) -> Mapping[str, Any]:
        return {"FramesSeen": self.count}


@dataclass(frozen=True, slots=True)
class _Measuring:
    name: str
    value: Callable[[Any], float]
    watch: Watch

    def models(self) -> Sequence[str]:
        return ()

    def stages(self, parameters: Sequence[Parameters], models: Models) -> Sequence[Stage]:
        for each in parameters:
            if "NeedsModel" in each:
                models.load(each["NeedsModel"])
        return [Stage(self.name, _Measure(self.name, self.value, self.watch), EveryFrame())]

    def aggregator(
        self, parameters: Parameters, media: MediaInfo, index: FrameIndex, galleries: Galleries
    ) -> Aggregator:
        return _Lister(self.name, fails="FailsAtTheEnd" in parameters)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """The two analyses, in the catalog for one test."""
    watch = Watch()
    for operation, value in ((BRIGHTNESS, lambda luma: float(luma.mean())), (CONTRAST, lambda luma: float(luma.std()))):
        module = ModuleType(f"pipeline.analyses.{operation.analysis}")
        module.ANALYSIS = _Measuring(operation.analysis, value, watch)  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(OPERATIONS, operation.name, operation)  # type: ignore[arg-type]
    return watch
