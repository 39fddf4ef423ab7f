"""Detectors at work on one stretch: frames in, found detections out, faults kept apart, in as many threads as there are cores."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextvars import copy_context
from time import perf_counter
from typing import Any, Protocol

import numpy as np

from pipeline.detect.types import AnyDetector, Detector, Joined, Run, StretchDetector
from pipeline.media.types import I64, Frame, Stretch

FoundFrames = list[tuple[int, Any]]

WALK = 16
"""Frames that a walk is fed at once, so that handing them over costs next to nothing."""
AHEAD = 2
"""Portions that wait for each thread, so that none is idle while the answers of others are being collected."""


Look = Callable[[], FoundFrames]
"""A portion of a lane's work: gives the answers for some frames; runs in any thread."""


class Work(Protocol):
    """What differs between single-frame and stretch detectors: what can be done at the same time."""

    waiting: list[tuple[int, Any]]

    def portion(self, is_last: bool, busy: int) -> Look | None:
        """What can be begun now, while `busy` portions are being looked at; `is_last`: no more frames will come."""

    def stop(self) -> None:
        """Nobody wants answers any more: what is being looked at may end early."""


class Batches:
    """Has frames detected in batches, of which any number may be looked at at once."""

    def __init__(self, detector: Detector[Any, Any]) -> None:
        self._detector = detector
        self.waiting: list[tuple[int, Any]] = []

    def portion(self, is_last: bool, busy: int) -> Look | None:
        """The next batch, when it is full."""
        del busy
        size = self._detector.batch
        if not self.waiting or (len(self.waiting) < size and not is_last):
            return None
        batch, self.waiting = self.waiting[:size], self.waiting[size:]
        return lambda: self._detected(batch)

    def stop(self) -> None:
        """A batch is over in a moment."""

    def _detected(self, batch: FoundFrames) -> FoundFrames:
        answers = self._detector.detect([prepared for _, prepared in batch])
        return [(index, found) for (index, _), found in zip(batch, answers, strict=True)]


class Walked:
    """Feeds a run frame by frame, one portion after the other; a frame that a damaged file lost is replaced by its predecessor."""

    def __init__(self, opened: Callable[[], Run[Any, Any]], expected: I64) -> None:
        self._opened = opened
        self._expected = expected
        self._run: Run[Any, Any] | None = None
        self._place = 0
        self._last: Any = None
        self._is_over = False
        self._is_stopped = False
        self.waiting: list[tuple[int, Any]] = []

    def stop(self) -> None:
        """The frame that is being looked at is the last."""
        self._is_stopped = True

    def portion(self, is_last: bool, busy: int) -> Look | None:
        """What waits, when it is enough or all there will be."""
        if busy or self._is_over or (len(self.waiting) < WALK and not is_last):
            return None
        frames, self.waiting, self._is_over = self.waiting, [], is_last
        return lambda: self._walked(frames, is_last)

    def _walked(self, frames: FoundFrames, is_last: bool) -> FoundFrames:
        if self._run is None:
            self._run = self._opened()
        found: FoundFrames = []
        for index, prepared in frames:
            if self._is_stopped:
                return []
            found += self._add(self._run, index, prepared)
        return found + self._finish(self._run) if is_last else found

    def _add(self, run: Run[Any, Any], index: int, prepared: Any) -> FoundFrames:
        found = self._repeat_until(run, index, prepared if self._last is None else self._last)
        found += run.add(index, prepared)
        self._place += 1
        self._last = prepared
        return found

    def _finish(self, run: Run[Any, Any]) -> FoundFrames:
        """The remaining answers; none where no frame at all was decoded."""
        if self._last is None:
            return []
        end = int(self._expected[-1]) + 1
        return self._repeat_until(run, end, self._last) + list(run.finish())

    def _repeat_until(self, run: Run[Any, Any], index: int, prepared: Any) -> FoundFrames:
        begin, self._place = self._place, int(np.searchsorted(self._expected, index))
        lost = self._expected[begin : self._place].tolist()
        return [answer for number in lost for answer in run.add(number, prepared)]


class Failure:
    """An exception of `prepare`, on its way to the thread that keeps the results."""

    def __init__(self, error: Exception) -> None:
        self.error = error


class Lane:
    """One detector on one stretch; `prepare` runs in the decoding thread, detection in those of `pool`, all else in the calling one.

    Attributes:
        span: Frames that the detector may want to see, its context included.
        frames: (N,) int64 ascending: those it is to be fed; set before the first.
        found: Answers so far, in the order of the frames they became known with, however many threads there are.
        error: What the detector raised; nothing is fed to it any more.
        prepare_s: Seconds spent preparing.
        infer_s: Seconds spent detecting, of all threads.
    """

    def __init__(
        self, detector: AnyDetector, stretch: Stretch, frame_count: int, pool: Executor, threads: int = 1
    ) -> None:
        self._detector = detector
        self._stretch = stretch
        self._frame_count = frame_count
        self._pool = pool
        self._threads = threads
        context = detector.context if isinstance(detector, StretchDetector) else 0
        self.span = Stretch(max(0, stretch.start - context), min(frame_count, stretch.stop + context))
        self.frames: I64 = np.zeros(0, np.int64)
        self.found: FoundFrames = []
        self.error: Exception | None = None
        self.prepare_s = 0.0
        self.infer_s = 0.0
        self._work: Work | None = None
        self._is_last = False
        self._running: deque[Future[tuple[FoundFrames, float]]] = deque()

    def prepare(self, frame: Frame) -> Any:
        """The detector's input for the frame, or a `Failure`."""
        begun = perf_counter()
        try:
            return self._detector.prepare(frame)
        except Exception as error:  # concerns this detector alone
            return Failure(error)
        finally:
            self.prepare_s += perf_counter() - begun

    def add(self, index: int, prepared: Any) -> None:
        """Hands a prepared frame to the detector."""
        if isinstance(prepared, Failure):
            self.fail(prepared.error)
        if self.error is None:
            self._opened().waiting.append((index, prepared))
            self._begin()

    def end(self) -> None:
        """No more frames will come; may be said again."""
        if not self._is_last:
            self._is_last = True
            self._begin()

    def fail(self, error: Exception) -> None:
        """The lane is over: nothing more is fed to its detector, and what it found is void."""
        self.error, self.found = error, []
        self.stop()

    def stop(self) -> None:
        """Drops what has been begun."""
        if self._work is not None:
            self._work.stop()
        for future in self._running:
            future.cancel()
        self._running.clear()

    def collect(self) -> None:
        """Takes over the answers that have become known."""
        while self._running and self._running[0].done():
            try:
                answers, took_s = self._running.popleft().result()
            except Exception as error:  # concerns this detector alone
                self.fail(error)
                return
            self.found += answers
            self.infer_s += took_s
        self._begin()

    @property
    def next(self) -> "Future[Any] | None":
        """What `collect` waits for."""
        return self._running[0] if self._running else None

    @property
    def is_full(self) -> bool:
        """Whether it holds enough frames to keep all threads busy for a while."""
        if self.error is not None or self._work is None:
            return False
        if isinstance(self._work, Walked):
            return len(self._work.waiting) >= AHEAD * WALK
        return len(self._running) >= AHEAD * self._threads

    @property
    def is_over(self) -> bool:
        """Whether all answers are there, or none will be."""
        return self.error is not None or (self._is_last and not self._running)

    def in_order(self) -> FoundFrames:
        """The answers for the stretch by frame number."""
        inside = (answer for answer in self.found if self._stretch.start <= answer[0] < self._stretch.stop)
        return sorted(inside, key=lambda answer: answer[0])

    def _begin(self) -> None:
        if self.error is not None:
            return
        while portion := self._opened().portion(self._is_last, len(self._running)):
            # With what the log says of this run.
            self._running.append(self._pool.submit(copy_context().run, _timed, portion))

    def _opened(self) -> Work:
        if self._work is None:
            self._work = self._open()
        return self._work

    def _open(self) -> Work:
        detector = self._detector
        if isinstance(detector, StretchDetector):
            return Walked(lambda: detector.open(self._stretch, self._frame_count), self.frames)
        return Batches(detector)


def _timed(portion: Look) -> tuple[FoundFrames, float]:
    begun = perf_counter()
    return portion(), perf_counter() - begun


class Join:
    """Holds the prepared frames of a lane until another lane has said what is in them."""

    def __init__(self, lane: Lane, needed: Lane) -> None:
        self._lane = lane
        self._needed = needed
        self._held: dict[int, Any] = {}
        self._read = 0

    def add(self, index: int, prepared: Any) -> None:
        """Keeps a prepared frame."""
        self._held[index] = prepared

    def flow(self) -> None:
        """Feeds the frames whose findings have become known; an error of the needed lane is this lane's too."""
        if self._needed.error is not None:
            self._lane.fail(self._needed.error)
            self._held.clear()
        for index, found in self._needed.found[self._read :]:
            if index in self._held:
                prepared = self._held.pop(index)
                self._lane.add(index, prepared if isinstance(prepared, Failure) else Joined(prepared, found))
        self._read = len(self._needed.found)
