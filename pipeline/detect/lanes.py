"""Detectors at work on one stretch: frames in, found detections out, faults kept apart."""

from collections.abc import Sequence
from time import perf_counter
from typing import Any, Protocol

import numpy as np

from pipeline.detect.types import AnyDetector, Detector, Joined, Run, StretchDetector
from pipeline.media.types import I64, Frame, Stretch

FoundFrames = list[tuple[int, Any]]


class Worker(Protocol):
    """What differs between single-frame and stretch detectors."""

    def add(self, index: int, prepared: Any) -> FoundFrames:
        """What became known with this frame."""

    def finish(self) -> FoundFrames:
        """What is left."""


class Batches:
    """Collects prepared frames and has them detected in batches."""

    def __init__(self, detector: Detector[Any, Any]) -> None:
        self._detector = detector
        self._waiting: list[tuple[int, Any]] = []

    def add(self, index: int, prepared: Any) -> FoundFrames:
        """Answers of a batch, when it has become full."""
        self._waiting.append((index, prepared))
        return self.finish() if len(self._waiting) >= self._detector.batch else []

    def finish(self) -> FoundFrames:
        """Answers for what waits."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return []
        answers = self._detector.detect([prepared for _, prepared in waiting])
        return [(index, found) for (index, _), found in zip(waiting, answers, strict=True)]


class Walked:
    """Feeds a run frame by frame; a frame that a damaged file lost is replaced by its predecessor."""

    def __init__(self, run: Run[Any, Any], expected: I64) -> None:
        self._run = run
        self._expected = expected
        self._place = 0
        self._last: Any = None

    def add(self, index: int, prepared: Any) -> FoundFrames:
        """Answers that became known."""
        found = self._repeat_until(index, prepared if self._last is None else self._last)
        found += self._run.add(index, prepared)
        self._place += 1
        self._last = prepared
        return found

    def finish(self) -> FoundFrames:
        """The remaining answers; none where no frame at all was decoded."""
        if self._last is None:
            return []
        end = int(self._expected[-1]) + 1
        return self._repeat_until(end, self._last) + list(self._run.finish())

    def _repeat_until(self, index: int, prepared: Any) -> FoundFrames:
        begin, self._place = self._place, int(np.searchsorted(self._expected, index))
        lost = self._expected[begin : self._place].tolist()
        return [answer for number in lost for answer in self._run.add(number, prepared)]


class Failure:
    """An exception of `prepare`, on its way to the thread that keeps the results."""

    def __init__(self, error: Exception) -> None:
        self.error = error


class Lane:
    """One detector on one stretch; `prepare` runs in the decoding thread, all else in the calling one.

    Attributes:
        span: Frames that the detector may want to see, its context included.
        frames: (N,) int64 ascending: those it is to be fed; set before the first.
        found: Answers so far, in the order they became known.
        error: What the detector raised; nothing is fed to it any more.
        prepare_s: Seconds spent preparing.
        infer_s: Seconds spent detecting.
    """

    def __init__(self, detector: AnyDetector, stretch: Stretch, frame_count: int) -> None:
        self._detector = detector
        self._stretch = stretch
        self._frame_count = frame_count
        self._worker: Worker | None = None
        context = detector.context if isinstance(detector, StretchDetector) else 0
        self.span = Stretch(max(0, stretch.start - context), min(frame_count, stretch.stop + context))
        self.frames: I64 = np.zeros(0, np.int64)
        self.found: FoundFrames = []
        self.error: Exception | None = None
        self.prepare_s = 0.0
        self.infer_s = 0.0

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
        self._step((index, prepared))

    def finish(self) -> None:
        """No more frames will come."""
        self._step()

    def fail(self, error: Exception) -> None:
        """The lane is over: nothing more is fed to its detector, and what it found is void."""
        self.error, self.found = error, []

    def in_order(self) -> FoundFrames:
        """The answers for the stretch by frame number."""
        inside = (answer for answer in self.found if self._stretch.start <= answer[0] < self._stretch.stop)
        return sorted(inside, key=lambda answer: answer[0])

    def _step(self, *frames: tuple[int, Any]) -> None:
        if self.error is not None:
            return
        begun = perf_counter()
        try:
            self.found += self._answers(frames)
        except Exception as error:  # concerns this detector alone
            self.fail(error)
        self.infer_s += perf_counter() - begun

    def _answers(self, frames: Sequence[tuple[int, Any]]) -> FoundFrames:
        if self._worker is None:
            self._worker = self._open()
        if not frames:
            return self._worker.finish()
        index, prepared = frames[0]
        if isinstance(prepared, Failure):
            raise prepared.error
        return self._worker.add(index, prepared)

    def _open(self) -> Worker:
        if isinstance(self._detector, StretchDetector):
            return Walked(self._detector.open(self._stretch, self._frame_count), self.frames)
        return Batches(self._detector)


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
