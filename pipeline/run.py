"""One decode for all stages: frames are prepared in the decoding thread while the calling one detects."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any

import numpy as np

from pipeline.analyses.types import Stage
from pipeline.detect.lanes import Lane
from pipeline.detect.types import StretchDetector
from pipeline.media.ahead import Pulse, ahead
from pipeline.media.limits import DecodeLimits
from pipeline.media.reader import read
from pipeline.media.sampling import sampled
from pipeline.media.types import I64, FrameIndex, MediaInfo, Stretch

_QUEUED_FRAMES = 16
_RENEW_S = 2.0


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds of wall time.

    Attributes:
        decode_s: Reading and decoding, shared by all stages of the run.
        prepare_s: Scaling and normalising for this stage, in the decoding thread.
        infer_s: Detecting.
    """

    decode_s: float
    prepare_s: float
    infer_s: float


@dataclass(frozen=True, slots=True)
class StageResult:
    """What a stage found in a stretch, or why it failed.

    Attributes:
        found: (frame number, detections) in frame order; empty after an error.
        error: What its detector raised.
        timings: Where the time went.
    """

    found: list[tuple[int, Any]]
    error: Exception | None
    timings: Timings


def _wanted(stage: Stage, lane: Lane, index: FrameIndex, stretch: Stretch) -> I64:
    """Frames that the stage looks at; a stretch detector sees all frames of its span."""
    if isinstance(stage.detector, StretchDetector):
        return np.arange(lane.span.start, lane.span.stop, dtype=np.int64)
    return sampled(stage.sampling, index, stretch)


class _Source:
    """Frames decoded and prepared for the lanes that want them."""

    def __init__(self, wanted: dict[str, I64], lanes: dict[str, Lane]) -> None:
        self._lanes = lanes
        self._wanted = {key: frozenset(numbers.tolist()) for key, numbers in wanted.items()}
        self.numbers = np.unique(np.concatenate(list(wanted.values()))) if wanted else np.zeros(0, np.int64)
        self.pulse = Pulse()
        self.decode_s = 0.0

    def frames(
        self, path: str | Path, media: MediaInfo, index: FrameIndex, limits: DecodeLimits
    ) -> Generator[tuple[int, dict[str, Any]]]:
        """Frame number and what each lane made of the frame."""
        everything = Stretch(0, len(index.pts))
        begun = perf_counter()
        for frame in read(path, media, index, everything, self.numbers, limits, self.pulse.beat):
            self.decode_s += perf_counter() - begun
            takers = [key for key, wanted in self._wanted.items() if frame.index in wanted]
            yield frame.index, {key: self._lanes[key].prepare(frame) for key in takers}
            begun = perf_counter()


class _Renewal:
    """Calls `renew` every few seconds and at the end."""

    def __init__(self, renew: Callable[[int], None], stretch: Stretch) -> None:
        self._renew = renew
        self._stretch = stretch
        self._due = monotonic() + _RENEW_S

    def at(self, frame: int) -> None:
        """Tells how many frames of the stretch lie before `frame`, if it is time."""
        if monotonic() >= self._due:
            self.now(frame)

    def now(self, frame: int) -> None:
        """Tells how many frames of the stretch lie before `frame`."""
        self._renew(min(max(frame, self._stretch.start), self._stretch.stop) - self._stretch.start)
        self._due = monotonic() + _RENEW_S


def run(
    path: str | Path,
    media: MediaInfo,
    index: FrameIndex,
    stretch: Stretch,
    stages: Sequence[Stage],
    renew: Callable[[int], None],
    limits: DecodeLimits = DecodeLimits(),  # noqa: B008
) -> dict[str, StageResult]:
    """What each stage finds in the stretch, by stage key; a stage that fails does not stop the others.

    Args:
        path: The video.
        media: Facts from the probe.
        index: Frame times from the probe.
        stretch: Frames to answer for.
        stages: The first of several with one key counts.
        renew: Told every few seconds how many frames of the stretch are done; what it raises ends the run.
        limits: Bounds for the decoder.

    Raises:
        MediaError: the video cannot be decoded, or decoding stalls.
    """
    by_key = {stage.key: stage for stage in reversed(stages)}
    lanes = {key: Lane(stage.detector, stretch, media.frame_count) for key, stage in by_key.items()}
    wanted = {key: _wanted(stage, lanes[key], index, stretch) for key, stage in by_key.items()}
    source = _Source(wanted, lanes)
    renewal = _Renewal(renew, stretch)
    done = stretch.start
    with ahead(source.frames(path, media, index, limits), _QUEUED_FRAMES, source.pulse, limits.stall_s) as items:
        for item in items:
            if item is not None:
                done = item[0] + 1
                for key, prepared in item[1].items():
                    lanes[key].add(item[0], prepared)
            renewal.at(done)
            if lanes and all(lane.error for lane in lanes.values()):
                break
    for lane in lanes.values():
        lane.finish()
    renewal.now(stretch.stop)
    return {key: _result(lane, source.decode_s) for key, lane in lanes.items()}


def _result(lane: Lane, decode_s: float) -> StageResult:
    return StageResult(lane.in_order(), lane.error, Timings(decode_s, lane.prepare_s, lane.infer_s))
