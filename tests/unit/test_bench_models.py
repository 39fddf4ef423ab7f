"""What the measuring of models counts and says."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.analyses.types import Stage
from pipeline.detect.types import Joined, Values
from pipeline.media.types import Every, Frame, Stretch
from scripts.model_calls import Calls, walk
from scripts.model_times import around, by_turns, distance, line
from tests.support.media import Clip, number_shown, render


class Doubling:
    """A session, and the models that it comes from."""

    version, metadata = "1", {}

    def has(self, name: str) -> bool:
        return name == "doubling"

    def load(self, name: str) -> "Doubling":
        assert name == "doubling"
        return self

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        return [inputs["x"] * 2]


@dataclass
class Asks:
    """Asks the model about each frame, and twice about what another stage found."""

    session: Any
    batch: int = 4

    def prepare(self, frame: Frame) -> NDArray[Any]:
        return np.array([[number_shown(frame.luma())]], np.float32)

    def detect(self, prepared: Sequence[Any]) -> Sequence[Values]:
        return [self._answer(one) for one in prepared]

    def _answer(self, one: Any) -> Values:
        if not isinstance(one, Joined):
            return Values(self.session.run({"x": one})[0][0])
        assert float(one.found.values[0]) == 2 * one.prepared[0, 0]
        return Values(self.session.run({"x": np.repeat(one.prepared, 2, axis=0)})[0][0])


@dataclass
class Follows:
    """Walks over every frame."""

    context: int = 0

    def prepare(self, frame: Frame) -> int:
        return frame.index

    def open(self, stretch: Stretch, frame_count: int) -> "Follows":
        assert stretch == Stretch(0, frame_count)
        return self

    def add(self, index: int, prepared: int) -> Iterable[tuple[int, Values]]:
        assert index == prepared
        return [(index, Values(np.zeros(1, np.float32)))]

    def finish(self) -> Iterable[tuple[int, Values]]:
        return []


def test_calls_rows_and_frames_are_counted_by_lane(tmp_path: Path) -> None:
    calls = Calls(Doubling())
    session = calls.load("doubling")
    stages = [
        Stage("after", Asks(session), Every(500), needs="half"),
        Stage("half", Asks(session), Every(500), lane="asks"),
        Stage("third", Asks(session), Every(320), lane="asks"),
        Stage("walk", Follows(), Every(200)),
    ]
    walk(render(tmp_path / "clip.mp4", Clip(frames=50)), stages, calls)
    frames = {lane: told["frames"] for lane, told in calls.stages.items()}
    assert frames == {"after": 4, "asks": 10, "walk": 10}
    assert (calls.calls["doubling"], calls.rows["doubling"]) == (14, 18)
    assert calls.inputs["doubling"]["x"].tolist() == [[0]]
    assert all(told["detect_ms"] >= told["models_ms"] >= 0 for told in calls.stages.values())
    assert len(around(calls)) == 4


def test_rivals_run_by_turns_and_once_before() -> None:
    order: list[str] = []
    spent = by_turns({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 3)
    assert order == ["a", "b"] * 4
    assert set(spent) == {"a", "b"}


def test_distance_is_a_share_of_the_largest_number() -> None:
    assert distance([np.array([0.0, 4.0])], [np.array([1.0, 4.0])]) == pytest.approx(0.25)
    assert distance([np.zeros(2), np.ones(2)], [np.zeros(2), np.ones(2)]) == 0


def test_a_line_says_what_was_measured() -> None:
    row = {"model": "eyes", "shape": [1, 3], "ms": {"1": 2.0, "4": 1.5}, "ratio": 0.9, "off": 1e-6}
    said = line(row, Calls(Doubling(), Counter({"eyes": 7})))
    assert all(part in said for part in ("eyes", "1×3", "7 calls", "2.00", "1.50", "× 0.90", "1.0e-06"))
    assert "openvino" not in line({key: row[key] for key in ("model", "shape", "ms")}, None)
    assert "× 0.82 of what it took before its rewrites" in line({**row, "rewritten": 0.82, "moved": 1e-7}, None)
