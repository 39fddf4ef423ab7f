"""The loop over one decode: faults kept apart, results independent of cutting."""

import itertools
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.analyses.types import Stage
from pipeline.detect.types import Values
from pipeline.errors import LeaseLost, MediaError
from pipeline.media.limits import DecodeLimits
from pipeline.media.probe import probe
from pipeline.media.types import Every, EveryFrame, Frame, FrameIndex, MediaInfo, Stretch
from pipeline.run import StageResult, run
from tests.support.media import Clip, number_shown, render

Opened = tuple[Path, MediaInfo, FrameIndex]
FRAMES = 60


@dataclass
class Reads:
    """Reads the number shown; remembers the sizes of its batches."""

    batch: int = 4
    batches: list[int] = field(default_factory=list)

    def prepare(self, frame: Frame) -> int:
        return number_shown(frame.luma())

    def detect(self, prepared: Sequence[int]) -> Sequence[Values]:
        self.batches.append(len(prepared))
        return [Values(np.asarray([number], np.float32)) for number in prepared]


@dataclass
class FailsAt:
    """Raises on one frame, in one of its two halves."""

    frame: int
    early: bool
    batch: int = 3

    def prepare(self, frame: Frame) -> int:
        if self.early and frame.index == self.frame:
            raise ValueError("bad frame")
        return frame.index

    def detect(self, prepared: Sequence[int]) -> Sequence[Values]:
        if self.frame in prepared:
            raise ValueError("bad frame")
        return [Values(np.zeros(1, np.float32)) for _ in prepared]


@dataclass
class Neighbours:
    """Answers for a frame with the sum over the frames at most `context` away that exist."""

    context: int = 5

    def prepare(self, frame: Frame) -> int:
        return number_shown(frame.luma())

    def open(self, stretch: Stretch, frame_count: int) -> "NeighboursRun":
        return NeighboursRun(self.context, stretch, frame_count)


@dataclass
class NeighboursRun:
    context: int
    stretch: Stretch
    frame_count: int
    seen: dict[int, int] = field(default_factory=dict)

    def add(self, index: int, prepared: int) -> Iterable[tuple[int, Values]]:
        assert not self.seen or index == max(self.seen) + 1
        self.seen[index] = prepared
        return []

    def finish(self) -> Iterable[tuple[int, Values]]:
        for frame in range(self.stretch.start, self.stretch.stop):
            around = range(max(0, frame - self.context), min(self.frame_count, frame + self.context + 1))
            yield frame, Values(np.asarray([sum(self.seen[n] for n in around)], np.float32))


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    path = render(tmp_path_factory.mktemp("run") / "clip.mp4", Clip(frames=FRAMES))
    return path, *probe(path)


def nothing(_: int) -> None:
    """A lease that is never lost."""


def values(result: StageResult) -> list[tuple[int, float]]:
    assert result.error is None
    return [(frame, float(found.values[0])) for frame, found in result.found]


def test_one_decode_serves_all_stages(opened: Opened) -> None:
    stages = [
        Stage("all", Reads(), EveryFrame()),
        Stage("some", Reads(), Every(400)),
        Stage("near", Neighbours(), EveryFrame()),
    ]
    results = run(*opened, Stretch(0, FRAMES), stages, nothing)
    assert values(results["all"]) == [(n, n) for n in range(FRAMES)]
    assert values(results["some"]) == [(n, n) for n in range(0, FRAMES, 10)]
    assert values(results["near"])[10] == (10, sum(range(5, 16)))
    assert all(result.timings.infer_s > 0 < result.timings.prepare_s for result in results.values())
    assert results["all"].timings.decode_s > 0


def test_batches_are_filled(opened: Opened) -> None:
    detector = Reads(batch=7)
    run(*opened, Stretch(0, 20), [Stage("all", detector, EveryFrame())], nothing)
    assert detector.batches == [7, 7, 6]


@settings(max_examples=15, deadline=None)
@given(cuts=st.sets(st.integers(1, FRAMES - 1), max_size=4), context=st.integers(0, 12))
def test_cutting_changes_nothing(opened: Opened, cuts: set[int], context: int) -> None:
    def stages() -> list[Stage]:
        return [Stage("near", Neighbours(context), EveryFrame()), Stage("some", Reads(), Every(130))]

    edges = [0, *sorted(cuts), FRAMES]
    whole = run(*opened, Stretch(0, FRAMES), stages(), nothing)
    parts = [run(*opened, Stretch(a, b), stages(), nothing) for a, b in itertools.pairwise(edges)]
    for key, result in whole.items():
        assert [value for part in parts for value in values(part[key])] == values(result)


@pytest.mark.parametrize("early", [True, False])
def test_a_failing_stage_fails_alone(opened: Opened, early: bool) -> None:
    stages = [Stage("bad", FailsAt(11, early), EveryFrame()), Stage("good", Reads(), EveryFrame())]
    results = run(*opened, Stretch(0, FRAMES), stages, nothing)
    assert isinstance(results["bad"].error, ValueError)
    assert results["bad"].found == []
    assert len(values(results["good"])) == FRAMES


def test_stages_of_one_key_run_once(opened: Opened) -> None:
    first, second = Reads(), Reads()
    results = run(
        *opened, Stretch(0, 8), [Stage("one", first, EveryFrame()), Stage("one", second, EveryFrame())], nothing
    )
    assert (list(results), first.batches, second.batches) == (["one"], [4, 4], [])


def test_a_lost_lease_stops_the_run_and_its_thread(opened: Opened) -> None:
    def lost(_: int) -> None:
        raise LeaseLost

    before = threading.active_count()
    with pytest.raises(LeaseLost):
        run(*opened, Stretch(0, FRAMES), [Stage("all", Reads(), EveryFrame())], lost)
    assert threading.active_count() == before


def test_progress_ends_at_the_stretchs_length(opened: Opened) -> None:
    told: list[int] = []
    run(*opened, Stretch(20, 50), [Stage("near", Neighbours(), EveryFrame())], told.append)
    assert told[-1] == 30
    assert told == sorted(told)


def test_an_absent_file_is_told(opened: Opened, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run(tmp_path / "gone.mp4", *opened[1:], Stretch(0, 5), [Stage("all", Reads(), EveryFrame())], nothing)


def test_a_file_that_became_something_else_is_told(opened: Opened, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"text" * 1000)
    with pytest.raises(MediaError):
        run(path, *opened[1:], Stretch(0, 5), [Stage("all", Reads(), EveryFrame())], nothing)


def test_lost_frames_are_bridged_for_stretch_detectors(tmp_path: Path) -> None:
    path = render(tmp_path / "clip.ts", Clip(frames=FRAMES))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = bytes(3000)
    path.write_bytes(content)
    media, index = probe(path)
    result = run(
        path, media, index, Stretch(0, media.frame_count), [Stage("near", Neighbours(2), EveryFrame())], nothing
    )
    assert [frame for frame, _ in values(result["near"])] == list(range(media.frame_count))


def test_no_stages_no_decode(opened: Opened) -> None:
    assert run(*opened, Stretch(0, FRAMES), [], nothing, DecodeLimits()) == {}
