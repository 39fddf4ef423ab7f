"""One decode for all stages: frames are prepared in the decoding thread while others detect, as many as there are cores."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from graphlib import TopologicalSorter
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any, Self, cast

import numpy as np

from pipeline.analyses.types import Stage
from pipeline.detect.lanes import Join, Lane
from pipeline.detect.types import AnyDetector, Listener
from pipeline.media.ahead import Pulse, ahead
from pipeline.media.limits import DecodeLimits
from pipeline.media.reader import read
from pipeline.media.sampling import sampled
from pipeline.media.types import I64, Frame, FrameIndex, MediaInfo, Stretch

_QUEUED_FRAMES = 16
_RENEW_S = 2.0


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds of wall time.

    Attributes:
        decode_s: Reading and decoding, shared by all stages of the run.
        prepare_s: Scaling and normalising for this stage, in the decoding thread.
        infer_s: Detecting, in all threads together.
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


class _Source:
    """Frames decoded and prepared for the lanes that want them."""

    def __init__(self, lanes: "Lanes") -> None:
        self._lanes = lanes
        self.pulse = Pulse()
        self.decode_s = 0.0

    def frames(
        self, path: str | Path, media: MediaInfo, index: FrameIndex, limits: DecodeLimits
    ) -> Generator[tuple[int, dict[str, Any]]]:
        """Frame number and what each lane made of the frame."""
        everything = Stretch(0, len(index.pts))
        begun = perf_counter()
        for frame in read(path, media, index, everything, self._lanes.numbers, limits, self.pulse.beat):
            self.decode_s += perf_counter() - begun
            yield frame.index, self._lanes.prepared(frame)
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
    threads: int = 1,
) -> dict[str, StageResult]:
    """What each stage finds in the stretch, by stage key; a stage that fails does not stop the others.

    Args:
        path: The video.
        media: Facts from the probe.
        index: Frame times from the probe.
        stretch: Frames to answer for.
        stages: The first of several with one key, and of several in one lane, counts.
        renew: Told every few seconds how many frames of the stretch are done; what it raises ends the run.
        limits: Bounds for the decoder.
        threads: That detect side by side, beside the one that decodes; the answers do not depend on it. Models should then use one
            thread each.

    Raises:
        MediaError: the video cannot be decoded, or decoding stalls.
    """
    by_key: dict[str, Stage] = {}
    for stage in stages:
        by_key.setdefault(stage.key, stage)
    watched = {key: stage for key, stage in by_key.items() if not isinstance(stage.detector, Listener)}
    renewal = _Renewal(renew, stretch)
    with Lanes(watched, index, stretch, media.frame_count, threads) as lanes:
        source = _Source(lanes)
        done = stretch.start
        with ahead(source.frames(path, media, index, limits), _QUEUED_FRAMES, source.pulse, limits.stall_s) as items:
            for item in items:
                if item is not None:
                    done = item[0] + 1
                    lanes.add(*item)
                    lanes.make_room(lambda: renewal.at(done))  # noqa: B023 - called before the next item
                renewal.at(done)
                if lanes.is_over():
                    break
        lanes.finish(partial(renewal.at, done))
    heard = {}
    for key, stage in by_key.items():
        if isinstance(stage.detector, Listener):
            heard[key] = _heard(stage.detector, path, media, index, stretch, limits, partial(renewal.at, done))
    renewal.now(stretch.stop)
    return {key: heard[key] if key in heard else lanes.result(key, source.decode_s) for key in by_key}


def _heard(
    listener: Listener[Any],
    path: str | Path,
    media: MediaInfo,
    index: FrameIndex,
    stretch: Stretch,
    limits: DecodeLimits,
    beat: Callable[[], None],
) -> StageResult:
    begun, pulse = perf_counter(), _Kept(beat)
    try:
        found, error = list(listener.listen(path, media, index, stretch, limits, pulse)), None
    except Exception as raised:
        if raised is pulse.raised:  # the run is over, as `renew` says
            raise
        found, error = [], raised  # concerns this stage alone
    return StageResult(found, error, Timings(0.0, 0.0, perf_counter() - begun))


class _Kept:
    """Calls a function and remembers what it raised."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self.raised: BaseException | None = None

    def __call__(self) -> None:
        try:
            self._call()
        except BaseException as error:
            self.raised = error
            raise


class Lanes:
    """The lanes of a run: what each is fed, and who waits for whom; a context, as their threads end with it.

    Attributes:
        numbers: (N,) int64 ascending: the frames that some lane wants.
    """

    def __init__(
        self, stages: Mapping[str, Stage], index: FrameIndex, stretch: Stretch, frame_count: int, threads: int = 1
    ) -> None:
        self._pool = ThreadPoolExecutor(threads, "detect")
        self._lane_of = {key: stage.lane or key for key, stage in stages.items()}
        first: dict[str, Stage] = {}
        for key, stage in stages.items():
            first.setdefault(self._lane_of[key], stage)
        lanes = {
            name: Lane(cast("AnyDetector", stage.detector), stretch, frame_count, self._pool, threads)
            for name, stage in first.items()
        }
        self._needs = {name: self._lane_of[stage.needs] for name, stage in first.items() if stage.needs}
        self._lanes = {name: lanes[name] for name in TopologicalSorter(_graph(lanes, self._needs)).static_order()}
        self._sampled = {key: sampled(stage.sampling, index, stretch) for key, stage in stages.items()}
        for name in reversed(self._lanes):  # those who need come first, so that what they need sees their frames too
            lane = lanes[name]
            mine = [stage for key, stage in stages.items() if self._lane_of[key] == name]
            needing = [lanes[other].frames for other, needed in self._needs.items() if needed == name]
            lane.frames = _union([*(sampled(stage.sampling, index, lane.span) for stage in mine), *needing])
        self._joins = {name: Join(lanes[name], lanes[needed]) for name, needed in self._needs.items()}
        self._wanted = {name: frozenset(lane.frames.tolist()) for name, lane in lanes.items()}
        self.numbers = _union(lane.frames for lane in lanes.values())

    def prepared(self, frame: Frame) -> dict[str, Any]:
        """What each lane that wants the frame makes of it; called in the decoding thread."""
        takers = [name for name, wanted in self._wanted.items() if frame.index in wanted]
        return {name: self._lanes[name].prepare(frame) for name in takers}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for lane in self._lanes.values():
            lane.stop()  # those that are done have nothing left; after an error nobody waits for the others
        self._pool.shutdown(cancel_futures=True)

    def add(self, number: int, prepared: Mapping[str, Any]) -> None:
        """Feeds what was made of one frame."""
        for name in self._lanes:
            if name in prepared:
                (self._joins.get(name) or self._lanes[name]).add(number, prepared[name])
        self._collect()

    def make_room(self, got_on: Callable[[], None] = lambda: None) -> None:
        """Waits until every lane can take more; `got_on` is called whenever answers came meanwhile."""
        while any(lane.is_full for lane in self._lanes.values()) and self._waited():
            got_on()

    def settle(self) -> None:
        """Waits until all that was begun is done."""
        while self._waited():
            pass

    def finish(self, got_on: Callable[[], None] = lambda: None) -> None:
        """Waits for all answers, as no more frames will come."""
        left = list(self._lanes)  # those that are needed first
        while left:
            for name in left:
                if self._needs.get(name) not in left:
                    self._lanes[name].end()
            left = [name for name in left if not self._lanes[name].is_over]
            if self._waited():
                got_on()

    def _waited(self) -> bool:
        """Whether there was something to wait for, and it has come on."""
        running = [future for lane in self._lanes.values() if (future := lane.next) is not None]
        if running:
            wait(running, return_when=FIRST_COMPLETED)
        self._collect()
        return bool(running)

    def _collect(self) -> None:
        for name, lane in self._lanes.items():
            lane.collect()
            if name in self._joins:
                self._joins[name].flow()

    def is_over(self) -> bool:
        """Whether there were lanes and all have failed."""
        return bool(self._lanes) and all(lane.error for lane in self._lanes.values())

    def result(self, key: str, decode_s: float) -> StageResult:
        """What the stage's lane found in the stage's own frames."""
        lane, mine = self._lanes[self._lane_of[key]], frozenset(self._sampled[key].tolist())
        found = [answer for answer in lane.in_order() if answer[0] in mine]
        return StageResult(found, lane.error, Timings(decode_s, lane.prepare_s, lane.infer_s))


def _graph(lanes: Iterable[str], needs: Mapping[str, str]) -> dict[str, set[str]]:
    return {name: {needs[name]} if name in needs else set() for name in lanes}


def _union(numbers: Iterable[I64]) -> I64:
    """Ascending, each once."""
    return np.unique(np.concatenate([np.zeros(0, np.int64), *numbers]))
