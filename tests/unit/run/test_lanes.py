"""Stages that share a walk, work on what others found, look at samples with context, or listen."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.analyses.types import Stage
from pipeline.detect.types import Joined, Values
from pipeline.errors import LeaseLost, MediaError
from pipeline.media.limits import DecodeLimits
from pipeline.media.probe import probe
from pipeline.media.sampling import sampled
from pipeline.media.types import Every, EveryFrame, Frame, FrameIndex, MediaInfo, Stretch
from pipeline.run import StageResult, run
from tests.support.media import Clip, number_shown, render

Opened = tuple[Path, MediaInfo, FrameIndex]
FRAMES = 60
STEP = 10  # frames between samples 400 ms apart


@dataclass
class Reads:
    """Reads the number shown; remembers what it was asked."""

    batch: int = 3
    seen: list[int] = field(default_factory=list)

    def prepare(self, frame: Frame) -> int:
        return number_shown(frame.luma())

    def detect(self, prepared: Sequence[int]) -> Sequence[Values]:
        self.seen += prepared
        return [Values(np.asarray([number], np.float32)) for number in prepared]


@dataclass
class Breaks(Reads):
    """Reads until it meets the number 30."""

    def detect(self, prepared: Sequence[int]) -> Sequence[Values]:
        if 30 in prepared:
            raise ValueError("thirty")
        return super().detect(prepared)


@dataclass
class Adds:
    """Answers with the number shown plus what the needed stage found."""

    batch: int = 2

    def prepare(self, frame: Frame) -> int:
        return number_shown(frame.luma())

    def detect(self, prepared: Sequence[Joined]) -> Sequence[Values]:
        return [Values(np.asarray([1000 * each.prepared + each.found.values[0]], np.float32)) for each in prepared]


@dataclass
class Since:
    """Counts the samples since the last frame whose number is a multiple of 20, which is at most 20 frames back."""

    context: int = 20

    def prepare(self, frame: Frame) -> int:
        return number_shown(frame.luma())

    def open(self, stretch: Stretch, frame_count: int) -> "SinceRun":
        return SinceRun()


@dataclass
class SinceRun:
    count: int = -1

    def add(self, index: int, prepared: Joined) -> Iterable[tuple[int, Values]]:
        assert prepared.found.values[0] == prepared.prepared == index
        self.count = 0 if index % 20 == 0 else self.count + 1
        yield index, Values(np.asarray([self.count], np.float32))

    def finish(self) -> Iterable[tuple[int, Values]]:
        return ()


@dataclass
class Hears:
    """Says how many frames precede each."""

    fails: bool = False

    def listen(
        self,
        path: str | Path,
        media: MediaInfo,
        index: FrameIndex,
        stretch: Stretch,
        limits: DecodeLimits,
        beat: Callable[[], None],
    ) -> Iterable[tuple[int, Values]]:
        if self.fails:
            raise MediaError("no sound")
        beat()
        return [(n, Values(np.asarray([n], np.float32))) for n in range(stretch.start, stretch.stop)]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    path = render(tmp_path_factory.mktemp("lanes") / "clip.mp4", Clip(frames=FRAMES))
    return path, *probe(path)


def nothing(_: int) -> None:
    """A lease that is never lost."""


def values(result: StageResult) -> list[tuple[int, float]]:
    assert result.error is None
    return [(frame, float(found.values[0])) for frame, found in result.found]


def test_stages_of_one_lane_look_at_each_frame_once(opened: Opened) -> None:
    detector, other = Reads(), Reads()
    stages = [Stage("400", detector, Every(400), lane="reads"), Stage("600", other, Every(600), lane="reads")]
    results = run(*opened, Stretch(0, FRAMES), stages, nothing)
    assert values(results["400"]) == [(n, n) for n in range(0, FRAMES, 10)]
    assert values(results["600"]) == [(n, n) for n in range(0, FRAMES, 15)]
    assert detector.seen == sorted({*range(0, FRAMES, 10), *range(0, FRAMES, 15)})
    assert other.seen == []


def test_a_stage_is_fed_what_the_stage_it_needs_found_whatever_their_order(opened: Opened) -> None:
    for order in itertools.permutations(
        [Stage("reads", Reads(), Every(400)), Stage("adds", Adds(), Every(400), needs="reads")]
    ):
        results = run(*opened, Stretch(0, FRAMES), order, nothing)
        assert values(results["adds"]) == [(n, 1001 * n) for n in range(0, FRAMES, STEP)]


def test_the_needed_stage_also_sees_the_frames_of_those_that_need_it_but_does_not_report_them(opened: Opened) -> None:
    detector = Reads()
    stages = [Stage("adds", Adds(), Every(200), needs="reads"), Stage("reads", detector, Every(400))]
    results = run(*opened, Stretch(0, FRAMES), stages, nothing)
    assert detector.seen == list(range(0, FRAMES, 5))
    assert [frame for frame, _ in values(results["reads"])] == list(range(0, FRAMES, STEP))
    assert [frame for frame, _ in values(results["adds"])] == list(range(0, FRAMES, 5))


def test_a_failure_is_also_that_of_the_stages_that_need_the_failed_one(opened: Opened) -> None:
    stages = [
        Stage("reads", Breaks(), EveryFrame()),
        Stage("adds", Adds(), EveryFrame(), needs="reads"),
        Stage("alone", Reads(), EveryFrame()),
    ]
    results = run(*opened, Stretch(0, FRAMES), stages, nothing)
    assert results["adds"].error is results["reads"].error
    assert isinstance(results["adds"].error, ValueError)
    assert results["adds"].found == []
    assert len(values(results["alone"])) == FRAMES


@settings(max_examples=15)
@given(cuts=st.sets(st.integers(1, FRAMES - 1), max_size=4))
def test_cutting_changes_nothing_for_samples_with_context_and_needs(opened: Opened, cuts: set[int]) -> None:
    def stages() -> list[Stage]:
        return [
            Stage("reads", Reads(), Every(400)),
            Stage("since", Since(), Every(400), needs="reads"),
            Stage("hears", Hears(), EveryFrame()),
        ]

    whole = run(*opened, Stretch(0, FRAMES), stages(), nothing)
    assert [count for _, count in values(whole["since"])] == [0, 1, 0, 1, 0, 1]
    edges = [0, *sorted(cuts), FRAMES]
    parts = [run(*opened, Stretch(a, b), stages(), nothing) for a, b in itertools.pairwise(edges)]
    for key, result in whole.items():
        assert [value for part in parts for value in values(part[key])] == values(result)


def test_a_listener_needs_no_pictures_and_fails_alone(opened: Opened) -> None:
    stages = [Stage("deaf", Hears(fails=True), EveryFrame()), Stage("hears", Hears(), EveryFrame())]
    results = run(*opened, Stretch(5, 9), stages, nothing)
    assert values(results["hears"]) == [(n, n) for n in range(5, 9)]
    assert isinstance(results["deaf"].error, MediaError)


def test_listening_keeps_the_lease_and_ends_with_it(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.run._RENEW_S", 0.0)
    told: list[int] = []
    stages = [Stage("hears", Hears(), EveryFrame())]
    run(*opened, Stretch(5, 9), stages, told.append)
    assert told == [0, 4]

    def lost(_: int) -> None:
        raise LeaseLost

    with pytest.raises(LeaseLost):
        run(*opened, Stretch(5, 9), stages, lost)


def test_lost_frames_are_bridged_between_samples_too(tmp_path: Path) -> None:
    path = render(tmp_path / "clip.ts", Clip(frames=FRAMES))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 6000] = bytes(6000)
    path.write_bytes(content)
    media, index = probe(path)

    @dataclass
    class Seen:
        context: int = 5

        def prepare(self, frame: Frame) -> int:
            return frame.index

        def open(self, stretch: Stretch, frame_count: int) -> "Seen":
            return self

        def add(self, index: int, prepared: int) -> Iterable[tuple[int, Values]]:
            yield index, Values(np.asarray([prepared], np.float32))

        def finish(self) -> Iterable[tuple[int, Values]]:
            return ()

    results = run(path, media, index, Stretch(0, media.frame_count), [Stage("seen", Seen(), Every(80))], nothing)
    frames = [frame for frame, _ in values(results["seen"])]
    assert frames == sampled(Every(80), index, Stretch(0, media.frame_count)).tolist()
    assert any(frame != shown for frame, shown in values(results["seen"]))
