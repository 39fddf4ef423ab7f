"""What the analyses of a video ask of the models: each stage walked alone in one thread, its calls and its processor time counted."""

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import analyses
from pipeline.analyses.types import Stage
from pipeline.catalog import OPERATIONS
from pipeline.detect.types import Joined, Listener, StretchDetector
from pipeline.media.probe import probe
from pipeline.media.reader import read
from pipeline.media.sampling import sampled
from pipeline.media.types import Stretch
from pipeline.models.types import Models, Session


@dataclass(eq=False)
class Calls:
    """What was asked; it is also the `Models` that stages are made with.

    Attributes:
        models: Where the models come from.
        calls: Model -> calls of it.
        rows: Model -> rows (frames, crops) of all calls.
        inputs: Model -> the inputs of its first call.
        stages: Lane -> frames, and milliseconds of the processor: prepare_ms, detect_ms, models_ms (inside detect_ms).
        spent_ms: Milliseconds inside the models so far.
    """

    models: Models
    calls: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    inputs: dict[str, Mapping[str, NDArray[Any]]] = field(default_factory=dict)
    stages: dict[str, dict[str, float]] = field(default_factory=dict)
    spent_ms: float = 0.0

    def has(self, name: str) -> bool:
        """Whether the model is there."""
        return self.models.has(name)

    def load(self, name: str) -> "CountedSession":
        """The model, counted."""
        return CountedSession(self.models.load(name), name, self)


class CountedSession:
    """A session whose calls are counted."""

    def __init__(self, session: Session, name: str, calls: Calls) -> None:
        self._session, self._name, self._calls = session, name, calls
        self.version, self.metadata = session.version, session.metadata

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        """The model's outputs."""
        begun = time.process_time()
        found = self._session.run(inputs)
        self._calls.spent_ms += (time.process_time() - begun) * 1000
        self._calls.calls[self._name] += 1
        self._calls.rows[self._name] += len(next(iter(inputs.values())))
        self._calls.inputs.setdefault(self._name, {key: array.copy() for key, array in inputs.items()})
        return found


def counted_calls(video: Path, operations: Sequence[str], models: Models) -> Calls:
    """What these operations, in one pass and with default parameters, ask of the models."""
    calls = Calls(models)
    stages = [s for name in operations for s in analyses.load(name).stages([OPERATIONS[name].minimal], calls)]
    walk(video, stages, calls)
    return calls


def walk(video: Path, stages: Sequence[Stage], calls: Calls) -> None:
    """Walks every lane over its frames, one after the other for each frame."""
    media, index = probe(video)
    everything = Stretch(0, media.frame_count)
    watched = {stage.key: stage for stage in stages if not isinstance(stage.detector, Listener)}
    lane_of = {key: stage.lane or key for key, stage in watched.items()}
    first = {lane: stage for stage in reversed(watched.values()) for lane in [lane_of[stage.key]]}
    wanted: dict[str, set[int]] = defaultdict(set)
    for key, stage in watched.items():
        wanted[lane_of[key]] |= set(sampled(stage.sampling, index, everything).tolist())
    needs = {lane: {lane_of[stage.needs]} if stage.needs else set() for lane, stage in first.items()}
    order = [*TopologicalSorter(needs).static_order()]
    lanes = {lane: _Lane(first[lane], calls.stages.setdefault(lane, Counter()), calls, everything) for lane in order}
    numbers = np.array(sorted(set().union(*wanted.values())), np.int64)
    for frame in read(video, media, index, everything, numbers):
        found: dict[str, Any] = {}
        for lane in order:
            if frame.index in wanted[lane]:
                (needed,) = needs[lane] or {""}
                found[lane] = lanes[lane].look(frame, found.get(needed))
    for lane in lanes.values():
        lane.finish()


class _Lane:
    """A detector on all frames of its lane, timed."""

    def __init__(self, stage: Stage, told: dict[str, float], calls: Calls, everything: Stretch) -> None:
        self._stage, self._told, self._calls = stage, told, calls
        detector: Any = stage.detector
        is_walk = isinstance(detector, StretchDetector)
        self._run = detector.open(everything, everything.stop) if is_walk else None
        self._detector = detector

    def look(self, frame: Any, needed: Any) -> Any:
        begun = time.process_time()
        prepared = self._detector.prepare(frame)
        self._told["prepare_ms"] += (time.process_time() - begun) * 1000
        self._told["frames"] += 1
        given = Joined(prepared, needed) if self._stage.needs else prepared
        return self._timed(lambda: self._answer(frame.index, given))

    def finish(self) -> None:
        if self._run is not None:
            self._timed(lambda: list(self._run.finish()))

    def _answer(self, number: int, given: Any) -> Any:
        if self._run is None:
            return self._detector.detect([given])[0]
        return [found for _, found in self._run.add(number, given)][-1:]

    def _timed(self, work: Any) -> Any:
        begun, inside = time.process_time(), self._calls.spent_ms
        try:
            return work()
        finally:
            self._told["detect_ms"] += (time.process_time() - begun) * 1000
            self._told["models_ms"] += self._calls.spent_ms - inside
