"""Detectors that stop when no open job needs them any more, while others of the same decode go on."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from pipeline.analyses.types import Stage
from pipeline.detect.types import AnyDetector, Detector, Listener, Run, StretchDetector
from pipeline.errors import ReelsightError
from pipeline.media.types import Frame, Stretch

Wanted = Callable[[], bool]


class Unwanted(ReelsightError):  # noqa: N818 - what happened, not an error
    """Every job that needed the stage is over."""


def stoppable(stage: Stage, wanted: Wanted) -> Stage:
    """The stage, raising `Unwanted` from its detector as soon as `wanted` says no."""
    if isinstance(stage.detector, Listener):
        return stage  # over in a moment
    detector: AnyDetector
    if isinstance(stage.detector, StretchDetector):
        detector = _StoppableStretch(stage.detector, wanted)
    else:
        detector = _StoppableFrames(stage.detector, wanted)
    return replace(stage, detector=detector)


class _StoppableFrames:
    def __init__(self, detector: Detector[Any, Any], wanted: Wanted) -> None:
        self._detector, self._wanted = detector, wanted
        self.batch = detector.batch

    def prepare(self, frame: Frame) -> Any:
        return self._detector.prepare(frame)

    def detect(self, prepared: Sequence[Any]) -> Sequence[Any]:
        _check(self._wanted)
        return self._detector.detect(prepared)


class _StoppableStretch:
    def __init__(self, detector: StretchDetector[Any, Any], wanted: Wanted) -> None:
        self._detector, self._wanted = detector, wanted
        self.context = detector.context

    def prepare(self, frame: Frame) -> Any:
        return self._detector.prepare(frame)

    def open(self, stretch: Stretch, frame_count: int) -> Run[Any, Any]:
        return _StoppableRun(self._detector.open(stretch, frame_count), self._wanted)


class _StoppableRun:
    def __init__(self, run: Run[Any, Any], wanted: Wanted) -> None:
        self._run, self._wanted = run, wanted

    def add(self, index: int, prepared: Any) -> Iterable[tuple[int, Any]]:
        _check(self._wanted)
        return self._run.add(index, prepared)

    def finish(self) -> Iterable[tuple[int, Any]]:
        _check(self._wanted)
        return self._run.finish()


def _check(wanted: Wanted) -> None:
    if not wanted():
        raise Unwanted
