"""Detectors at work on one stretch: frames in, found detections out, faults kept apart."""

from collections.abc import Sequence
from time import perf_counter
from typing import Any, Protocol

from pipeline.detect.types import AnyDetector, Detector, Run, StretchDetector
from pipeline.media.types import Frame, Stretch

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

    def __init__(self, run: Run[Any, Any], span: Stretch) -> None:
        self._run = run
        self._next = span.start
        self._stop = span.stop
        self._last: Any = None

    def add(self, index: int, prepared: Any) -> FoundFrames:
        """Answers that became known."""
        found = self._repeat_until(index, prepared if self._last is None else self._last)
        found += self._run.add(index, prepared)
        self._next, self._last = index + 1, prepared
        return found

    def finish(self) -> FoundFrames:
        """The remaining answers; none where no frame at all was decoded."""
        if self._last is None:
            return []
        return self._repeat_until(self._stop, self._last) + list(self._run.finish())

    def _repeat_until(self, index: int, prepared: Any) -> FoundFrames:
        return [answer for number in range(self._next, index) for answer in self._run.add(number, prepared)]


class Failure:
    """An exception of `prepare`, on its way to the thread that keeps the results."""

    def __init__(self, error: Exception) -> None:
        self.error = error


class Lane:
    """One detector on one stretch; `prepare` runs in the decoding thread, all else in the calling one.

    Attributes:
        span: Frames that the detector wants to see, its context included.
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
            self.error, self.found = error, []
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
            return Walked(self._detector.open(self._stretch, self._frame_count), self.span)
        return Batches(self._detector)
