"""A detector is asked once about equal frames, and answers as if it had been asked about each."""

import gc
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.analyses.types import Stage
from pipeline.detect.repeats import KEPT, LooksOnce, same
from pipeline.detect.types import Joined, Values
from pipeline.media.probe import probe
from pipeline.media.types import U8, EveryFrame, Stretch
from pipeline.run import run
from tests.support.media import Clip, render
from tests.support.stills import drawn


@dataclass
class Means:
    """Answers with a frame's mean; remembers what it was shown."""

    batch: int = 2
    shown: list[float] = field(default_factory=list)

    def prepare(self, frame: Any) -> U8:
        pixels: U8 = frame.rgb(8, 6)
        return pixels

    def detect(self, prepared: Sequence[U8]) -> Sequence[float]:
        means = [float(pixels.mean()) for pixels in prepared]
        self.shown += means
        if 13.0 in means:
            raise ValueError("unlucky")
        return means


def grey(level: int) -> U8:
    return np.full((6, 8, 3), level, np.uint8)


@given(st.lists(st.integers(0, 5), max_size=40), st.integers(1, 5))
def test_answers_are_those_of_the_detector_and_runs_are_looked_at_once(levels: list[int], size: int) -> None:
    detector = Means()
    once = LooksOnce(detector)
    answers: list[float] = []
    for start in range(0, len(levels), size):
        answers += once.detect([grey(level) for level in levels[start : start + size]])
    assert answers == levels
    changes = sum(1 for place, level in enumerate(levels) if place == 0 or levels[place - 1] != level)
    assert len(detector.shown) <= changes


def test_it_prepares_and_batches_as_the_detector_does() -> None:
    once = LooksOnce(Means(batch=7))
    assert once.batch == 7
    assert np.array_equal(once.prepare(drawn(np.full((6, 8, 3), 9, np.uint8))), grey(9))


@pytest.mark.parametrize("place", [0, 1, 60, 61, 143])
def test_a_single_pixel_that_changed_is_seen(place: int) -> None:
    detector = Means()
    once = LooksOnce(detector)
    other = grey(0).ravel()
    other[place] = 1
    first, second = once.detect([grey(0), other.reshape(6, 8, 3)])
    assert (first, second) == (0.0, pytest.approx(1 / 144))
    assert len(detector.shown) == 2


def test_a_picture_that_comes_back_later_is_looked_at_again() -> None:
    detector = Means()
    once = LooksOnce(detector)
    for level in (*range(KEPT + 1), 0):
        once.detect([grey(level)])
    assert detector.shown == [*range(KEPT + 1), 0]


def test_a_picture_that_somebody_holds_is_known_however_many_came_between() -> None:
    detector = Means()
    once = LooksOnce(detector)
    held = grey(200)
    once.detect([held])
    for level in range(20, 70):
        once.detect([grey(level)])
    once.detect([held])
    assert detector.shown.count(200.0) == 1
    assert len(once._held) == KEPT + 1
    del held
    gc.collect()
    assert len(once._held) == KEPT


def test_a_frame_that_failed_fails_only_once() -> None:
    detector = Means()
    once = LooksOnce(detector)
    for _ in range(2):
        with pytest.raises(ValueError, match="unlucky"):
            once.detect([grey(13)])
    assert detector.shown == [13.0, 13.0]
    assert once.detect([grey(12)]) == [12.0]


def test_threads_that_ask_the_same_at_once_wait_for_one_answer() -> None:
    begun, go = threading.Event(), threading.Event()

    class Slow(Means):
        def detect(self, prepared: Sequence[U8]) -> Sequence[float]:
            begun.set()
            assert go.wait(30)
            return super().detect(prepared)

    detector = Slow()
    once = LooksOnce(detector)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(once.detect, [grey(5)])
        assert begun.wait(30)
        others = [pool.submit(once.detect, [grey(5)]) for _ in range(2)]
        go.set()
        assert [future.result(30) for future in (first, *others)] == [[5.0]] * 3
    assert detector.shown == [5.0]


@dataclass(frozen=True)
class Part:
    pixels: U8
    aspect: float


def test_what_is_the_same() -> None:
    assert same(Joined(Part(grey(1), 1.5), (1, "a")), Joined(Part(grey(1), 1.5), (1, "a")))
    assert not same(Joined(Part(grey(1), 1.5), 1), Joined(Part(grey(1), 1.6), 1))
    assert not same(Joined(Part(grey(1), 1.5), 1), Joined(Part(grey(2), 1.5), 1))
    assert not same(grey(1), grey(1).astype(np.int16))
    assert not same(grey(1), grey(1)[:, :4])
    assert not same((1, 2), (1, 2, 3))
    assert not same(1, 1.5)
    assert same(np.zeros((0, 4)), np.zeros((0, 4)))


def test_a_still_in_a_video_is_looked_at_once_and_answered_for_every_frame(tmp_path: Path) -> None:
    def paint(number: int) -> U8:
        return np.full((96, 128, 3), 220 if 20 <= number < 40 else 50 + number * 3, np.uint8)

    path = render(tmp_path / "clip.mp4", Clip(frames=50, paint=paint))
    media, index = probe(path)
    plain, spared = Means(), Means()
    whole, once = (
        run(path, media, index, Stretch(0, 50), [Stage("grey", detector, EveryFrame())], lambda _: None, threads=3)
        for detector in (Listed(plain), LooksOnce(Listed(spared)))
    )
    assert [(n, v.values.tolist()) for n, v in once["grey"].found] == [
        (n, v.values.tolist()) for n, v in whole["grey"].found
    ]
    assert len(plain.shown) == 50
    assert len(spared.shown) <= 50 - 10


@dataclass
class Listed:
    """The same answers in columns, as a run wants them."""

    detector: Means
    batch: int = 1

    def prepare(self, frame: Any) -> U8:
        return self.detector.prepare(frame)

    def detect(self, prepared: Sequence[U8]) -> Sequence[Values]:
        return [Values(np.array([mean], np.float32)) for mean in self.detector.detect(prepared)]


@pytest.mark.timeout(60)
def test_a_detector_that_answers_too_little_fails_and_keeps_nobody_waiting() -> None:
    @dataclass
    class Forgets(Means):
        left: int = 1

        def detect(self, prepared: Sequence[U8]) -> Sequence[float]:
            answers = super().detect(prepared)
            self.left -= 1
            return answers if self.left < 0 else answers[:-1]

    once = LooksOnce(Forgets())
    with pytest.raises(ValueError, match="zip"):
        once.detect([grey(1), grey(2)])
    assert once.detect([grey(2)]) == [2.0]


@pytest.mark.timeout(60)
def test_a_frame_that_cannot_be_compared_leaves_no_look_without_an_answer() -> None:
    class Odd:
        def __eq__(self, other: object) -> bool:
            raise MemoryError("no room to compare")

        __hash__ = None  # type: ignore[assignment]

    @dataclass
    class Counts:
        batch: int = 2

        def prepare(self, frame: Any) -> Any:
            return frame

        def detect(self, prepared: Sequence[Any]) -> Sequence[int]:
            return [len(prepared)] * len(prepared)

    once = LooksOnce(Counts())
    odd = Odd()
    with pytest.raises(MemoryError):
        once.detect([odd, Odd()])
    assert once.detect([odd]) == [1]
