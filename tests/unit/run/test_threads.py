"""Lanes in several threads: the same answers, at the same time, and an end for all of them."""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.analyses.types import Stage
from pipeline.detect.lanes import Walked
from pipeline.detect.types import Joined, Values
from pipeline.errors import LeaseLost
from pipeline.media.probe import probe
from pipeline.media.types import EveryFrame, Frame, FrameIndex, MediaInfo, Stretch
from pipeline.run import StageResult, run
from tests.support.media import Clip, number_shown, render

Opened = tuple[Path, MediaInfo, FrameIndex]
FRAMES = 60
PATIENCE_S = 30.0


@dataclass
class Reads:
    """Reads the number shown, even numbers after odd ones where two threads are at work."""

    batch: int = 1
    odd: threading.Event = field(default_factory=threading.Event)

    def prepare(self, frame: Frame) -> int:
        return number_shown(frame.luma())

    def detect(self, prepared: Sequence[int]) -> Sequence[Values]:
        (number,) = prepared
        if number % 2:
            self.odd.set()
        else:
            self.odd.wait(0.05)
        return [Values(np.asarray([number], np.float32))]


@dataclass
class Sums:
    """Adds up what the needed stage found; only ever called by one thread at a time, in order."""

    context: int = 0
    inside: threading.Lock = field(default_factory=threading.Lock)
    total: float = 0.0

    def prepare(self, frame: Frame) -> int:
        return number_shown(frame.luma())

    def open(self, stretch: Stretch, frame_count: int) -> "Sums":
        return self

    def add(self, index: int, prepared: Joined) -> Iterable[tuple[int, Values]]:
        assert self.inside.acquire(blocking=False), "two threads in one walk"
        assert prepared.found.values[0] == prepared.prepared == index
        self.total += index
        self.inside.release()
        yield index, Values(np.asarray([self.total], np.float32))

    def finish(self) -> Iterable[tuple[int, Values]]:
        return ()


@dataclass
class Looks:
    """Calls a function with every frame's number; says which were made ready."""

    look: Callable[[int], None]
    prepared: set[int] = field(default_factory=set)
    batch: int = 1

    def prepare(self, frame: Frame) -> int:
        self.prepared.add(frame.index)
        return frame.index

    def detect(self, prepared: Sequence[int]) -> Sequence[Values]:
        for number in prepared:
            self.look(number)
        return [Values(np.zeros(1, np.float32)) for _ in prepared]


@dataclass
class Walks:
    """The same in order."""

    look: Callable[[int], None]
    prepared: set[int] = field(default_factory=set)
    context: int = 0

    def prepare(self, frame: Frame) -> int:
        self.prepared.add(frame.index)
        return frame.index

    def open(self, stretch: Stretch, frame_count: int) -> "Walks":
        return self

    def add(self, index: int, prepared: Any) -> Iterable[tuple[int, Values]]:
        self.look(index)
        return [(index, Values(np.zeros(1, np.float32)))]

    def finish(self) -> Iterable[tuple[int, Values]]:
        return ()


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    path = render(tmp_path_factory.mktemp("threads") / "clip.mp4", Clip(frames=FRAMES))
    return path, *probe(path)


def meeting(barrier: threading.Barrier) -> Callable[[int], None]:
    """Goes on only when as many threads are at it as there should be."""

    def meet(_: int) -> None:
        barrier.wait(PATIENCE_S)

    return meet


def nothing(_: int) -> None:
    """A lease that is never lost."""


def values(result: StageResult) -> list[tuple[int, float]]:
    assert result.error is None
    return [(frame, float(found.values[0])) for frame, found in result.found]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_answers_do_not_depend_on_the_number_of_threads(opened: Opened, threads: int) -> None:
    stages = [Stage("sums", Sums(), EveryFrame(), needs="reads"), Stage("reads", Reads(), EveryFrame())]
    results = run(*opened, Stretch(0, FRAMES), stages, nothing, threads=threads)
    assert values(results["reads"]) == [(n, n) for n in range(FRAMES)]
    assert values(results["sums"]) == [(n, n * (n + 1) / 2) for n in range(FRAMES)]


def test_batches_of_one_lane_are_looked_at_side_by_side(opened: Opened) -> None:
    results = run(
        *opened,
        Stretch(0, FRAMES),
        [Stage("meets", Looks(meeting(threading.Barrier(3))), EveryFrame())],
        nothing,
        threads=3,
    )
    assert len(values(results["meets"])) == FRAMES


def test_walks_are_side_by_side_with_each_other(opened: Opened) -> None:
    barrier = threading.Barrier(2)
    stages = [Stage(name, Walks(meeting(barrier)), EveryFrame()) for name in "ab"]
    results = run(*opened, Stretch(0, FRAMES), stages, nothing, threads=2)
    assert [len(values(results[name])) for name in "ab"] == [FRAMES, FRAMES]


def test_a_lane_that_fails_takes_no_other_with_it(opened: Opened) -> None:
    broken = threading.Barrier(2)
    broken.abort()
    stages = [Stage("meets", Looks(meeting(broken)), EveryFrame()), Stage("reads", Reads(), EveryFrame())]
    results = run(*opened, Stretch(0, FRAMES), stages, nothing, threads=2)
    assert isinstance(results["meets"].error, threading.BrokenBarrierError)
    assert results["meets"].found == []
    assert len(values(results["reads"])) == FRAMES


def test_a_lost_lease_ends_all_threads(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.run._RENEW_S", 0.0)
    before = threading.active_count()

    def lost(done: int) -> None:
        if done > 5:
            raise LeaseLost

    with pytest.raises(LeaseLost):
        run(*opened, Stretch(0, FRAMES), [Stage("reads", Reads(), EveryFrame())], lost, threads=3)
    assert threading.active_count() == before


def test_a_lost_lease_ends_a_walk_at_its_next_frame(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.run._RENEW_S", 0.0)
    stopped, seen = threading.Event(), []
    stop = Walked.stop

    def told(walked: Walked) -> None:
        stop(walked)
        stopped.set()

    monkeypatch.setattr(Walked, "stop", told)

    def wait(index: int) -> None:
        seen.append(index)
        assert index < 20 or stopped.wait(PATIENCE_S)

    def renew(done: int) -> None:
        if done == FRAMES:  # decoded ahead, while the walk waits
            raise LeaseLost

    with pytest.raises(LeaseLost):
        run(*opened, Stretch(0, FRAMES), [Stage("waits", Walks(wait), EveryFrame())], renew, threads=2)
    assert seen == list(range(21))


@pytest.mark.parametrize("kind", ["batches", "walk", "joined"])
def test_no_more_frames_are_made_ready_than_can_be_looked_at_soon(tmp_path: Path, kind: str) -> None:
    path = render(tmp_path / "long.mp4", Clip(frames=400))
    prepared: set[int] = set()
    full = threading.Event()
    at_most: list[int] = []

    def wait(_: int) -> None:
        """Holds everything up until no more frames come."""
        if not full.is_set():
            before = -1
            while len(prepared) > before:
                before = len(prepared)
                full.wait(0.5)
            at_most.append(len(prepared))
            full.set()

    stages = {
        "batches": [Stage("looks", Looks(wait, prepared), EveryFrame())],
        "walk": [Stage("walks", Walks(wait, prepared), EveryFrame())],
        "joined": [
            Stage("looks", Looks(lambda _: None, prepared), EveryFrame()),
            Stage("walks", Walks(wait), EveryFrame(), needs="looks"),
        ],
    }[kind]
    results = run(path, *probe(path), Stretch(0, 400), stages, nothing, threads=2)
    assert [len(result.found) for result in results.values()] == [400] * len(stages)
    assert max(at_most) < 150
