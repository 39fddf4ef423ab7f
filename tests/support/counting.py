"""A pass over a clip that counts what it does, at the borders to FFmpeg, to the detectors and to the models."""

import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from av.video.reformatter import VideoReformatter

from pipeline import analyses
from pipeline.analyses.types import Stage
from pipeline.catalog import OPERATIONS
from pipeline.detect.types import Listener, StretchDetector
from pipeline.media import frame as frames
from pipeline.media.decoder import Decoder
from pipeline.media.probe import probe
from pipeline.media.types import Frame, Stretch
from pipeline.models.types import Models
from pipeline.run import run
from scripts.timed_models import TimedModels


class Counts:
    """Counts that several threads add to."""

    def __init__(self) -> None:
        self._lock, self.numbers = threading.Lock(), Counter[str]()

    def add(self, what: str, number: int = 1) -> None:
        """Adds."""
        with self._lock:
            self.numbers[what] += number


def work_of(path: Path, names: Iterable[str], models: Models, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What a pass over the clip for these operations does: kind of work -> how often."""
    counts, timed = Counts(), TimedModels(models)
    media, index = probe(path)
    stages = [s for name in names for s in analyses.load(name).stages([OPERATIONS[name].minimal], timed)]
    with monkeypatch.context() as patched:
        _count_pictures(counts, patched)
        watched = [counted(stage, counts) for stage in stages]
        results = run(path, media, index, Stretch(0, media.frame_count), watched, lambda _: None)
    assert not [result.error for result in results.values() if result.error]
    asked = {f"calls of {name}": number for name, number in timed.calls.items()}
    shown = {f"pictures to {name}": number for name, number in timed.pictures.items()}
    return Counter(dict(sorted(counts.numbers.items()))) + Counter(dict(sorted({**asked, **shown}.items())))


def _count_pictures(counts: Counts, patched: pytest.MonkeyPatch) -> None:
    """Counts what leaves FFmpeg's decoder, and what swscale makes of it."""
    decoded = Decoder._decoded

    def counting(decoder: Any, packet: Any) -> Any:
        pictures = decoded(decoder, packet)
        counts.add("frames decoded", len(pictures))
        return pictures

    class Scaler:
        def __init__(self) -> None:
            self._scaler = VideoReformatter()

        def reformat(self, frame: Any, width: int, height: int, *rest: Any, **more: Any) -> Any:
            counts.add(f"scaled to {width}x{height}")
            return self._scaler.reformat(frame, width, height, *rest, **more)

    patched.setattr(Decoder, "_decoded", counting)
    patched.setattr(frames, "VideoReformatter", Scaler)


def counted(stage: Stage, counts: Counts) -> Stage:
    """The stage, counting what is prepared for its detector."""
    if isinstance(stage.detector, Listener):
        return stage
    kind = _CountedStretch if isinstance(stage.detector, StretchDetector) else _CountedFrames
    return replace(stage, detector=kind(stage.detector, f"prepared for {stage.lane or stage.key}", counts))


class _CountedFrames:
    def __init__(self, detector: Any, name: str, counts: Counts) -> None:
        self._detector, self._name, self._counts = detector, name, counts
        self.batch = detector.batch

    def prepare(self, frame: Frame) -> Any:
        self._counts.add(self._name)
        return self._detector.prepare(frame)

    def detect(self, prepared: Sequence[Any]) -> Sequence[Any]:
        found: Sequence[Any] = self._detector.detect(prepared)
        return found


class _CountedStretch:
    def __init__(self, detector: Any, name: str, counts: Counts) -> None:
        self._detector, self._name, self._counts = detector, name, counts
        self.context = detector.context

    def prepare(self, frame: Frame) -> Any:
        self._counts.add(self._name)
        return self._detector.prepare(frame)

    def open(self, stretch: Stretch, frame_count: int) -> Any:
        return self._detector.open(stretch, frame_count)
