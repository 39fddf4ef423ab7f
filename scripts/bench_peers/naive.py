"""The script that people write: a process per analysis decodes the whole file and shows our models the frames that we sample, one by one.

The models, the frames they see and what is made of their answers are ours, so that both sides do the same work. Nothing is shared,
skipped or overlapped: every window is shown to the shot detector, every line of text is read, ONNX Runtime runs as it comes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import onnxruntime
from numpy.typing import NDArray

from pipeline import analyses
from pipeline.aggregate.feed import feed
from pipeline.aggregate.types import NoGalleries
from pipeline.analyses.types import Parameters, Stage
from pipeline.catalog import OPERATIONS
from pipeline.detect.explicit import ExplicitWhereItCounts
from pipeline.detect.repeats import LooksOnce
from pipeline.detect.shots import ShotTransitions
from pipeline.detect.text_lines import TextLineDetector
from pipeline.detect.types import AnyDetector, Joined, Listener, Run, StretchDetector
from pipeline.media.limits import DecodeLimits
from pipeline.media.probe import probe
from pipeline.media.sampling import sampled
from pipeline.media.types import Frame, FrameIndex, MediaInfo, Stretch
from pipeline.models.library import Library
from scripts.bench_peers.clock import Clock
from scripts.bench_peers.pictures import READERS

Found = list[tuple[int, Any]]


class PlainSession:
    """A model as `onnxruntime.InferenceSession` loads it by default."""

    def __init__(self, path: Path, version: str) -> None:
        self._session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self.version = version
        self.metadata: Mapping[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        """The model's outputs."""
        outputs: Sequence[NDArray[Any]] = self._session.run(None, dict(inputs))
        return outputs


class PlainModels:
    """The library's models without what Reelsight sets when it loads them; implements `Models`."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._files = {status.name: status for status in library.status()}

    def has(self, name: str) -> bool:
        """Whether the model is there."""
        return self._library.has(name)

    def load(self, name: str) -> PlainSession:
        """The model."""
        return PlainSession(self._files[name].path, self._files[name].version)


@dataclass(slots=True)
class Look:
    """A stage at work on single frames.

    Attributes:
        wanted: Numbers of the frames it looks at.
        run: The walk of a detector that needs neighbouring frames.
        found: (frame number, detections) in frame order.
    """

    stage: Stage
    wanted: frozenset[int]
    run: Run[Any, Any] | None
    found: Found = field(default_factory=list)


@dataclass(slots=True)
class Loop:
    """The stages of an analysis, shown frame after frame.

    Attributes:
        prepare_s: Seconds of resizing and normalising.
        detect_s: Seconds of models and of what is made of their answers.
        looks: Frames that some stage has looked at.
    """

    stages: list[Look]
    prepare_s: float = 0.0
    detect_s: float = 0.0
    looks: int = 0

    def see(self, frame: Frame) -> None:
        """Shows a frame to the stages that sample it; stages of one lane share the answer."""
        known: dict[str, Any] = {}
        for look in self.stages:
            if frame.index in look.wanted:
                self._look(look, frame, known)
        self.looks += bool(known)

    def _look(self, look: Look, frame: Frame, known: dict[str, Any]) -> None:
        stage, lane = look.stage, look.stage.lane or look.stage.key
        if lane not in known:
            known[lane] = self._answers(look, frame, known.get(stage.needs))
        known[stage.key] = known[lane]
        look.found += known[lane] if look.run else [(frame.index, known[lane])]

    def _answers(self, look: Look, frame: Frame, needed: Any) -> Any:
        begun = perf_counter()
        prepared = look.stage.detector.prepare(frame)  # type: ignore[union-attr]
        seen = perf_counter()
        fed = Joined(prepared, needed) if look.stage.needs else prepared
        answer = list(look.run.add(frame.index, fed)) if look.run else _detected(look.stage.detector, fed)
        self.prepare_s += seen - begun
        self.detect_s += perf_counter() - seen
        return answer

    def finish(self) -> None:
        """No more frames will come."""
        begun = perf_counter()
        for look in self.stages:
            if look.run:
                look.found += look.run.finish()
        self.detect_s += perf_counter() - begun


def _detected(detector: Any, fed: Any) -> Any:
    return detector.detect([fed])[0]


def thorough(stage: Stage) -> Stage:
    """The stage without what spares its models work."""
    detector = stage.detector
    if isinstance(detector, LooksOnce):
        detector = detector._detector  # noqa: SLF001 - nobody else takes this off again
    match detector:
        case ShotTransitions():
            detector = replace(detector, every_window=True)
        case TextLineDetector():
            detector = replace(detector, carries=False)
        case ExplicitWhereItCounts():
            return replace(stage, detector=detector.classifiers, needs="")
    return replace(stage, detector=detector)


def opened(stages: Iterable[Stage], index: FrameIndex, media: MediaInfo) -> Loop:
    """A loop over the whole video."""
    everything = Stretch(0, media.frame_count)
    return Loop([_look(stage, index, everything) for stage in map(thorough, stages)])


def _look(stage: Stage, index: FrameIndex, everything: Stretch) -> Look:
    frames = frozenset(sampled(stage.sampling, index, everything).tolist())
    return Look(stage, frames, _run(stage.detector, everything))


def _run(detector: AnyDetector | Listener[Any], everything: Stretch) -> Run[Any, Any] | None:
    return detector.open(everything, everything.stop) if isinstance(detector, StretchDetector) else None


def job(video: Path, name: str, parameters: Parameters, reader: str, library: Library) -> dict[str, Any]:
    """What an analysis costs, and what it found; models are loaded before.

    Args:
        video: The file.
        name: The operation, for example "LabelDetection".
        parameters: Its own members.
        reader: A key of `pictures.READERS`.
        library: Where the models are.

    Returns:
        wall_s, cpu_s; decode_s, prepare_s, detect_s of wall time; frames decoded; `found` by stage key; `items` of the answer.
    """
    media, index = probe(video)
    stages = analyses.load(name).stages([parameters], PlainModels(library))
    loop = opened([stage for stage in stages if not isinstance(stage.detector, Listener)], index, media)
    clock, decode = Clock(), Timed(READERS[reader](video, media, index))
    for frame in decode:
        loop.see(frame)
    loop.finish()
    found = {look.stage.key: look.found for look in loop.stages} | heard(stages, video, media, index)
    items = answered(name, parameters, media, index, found)
    figures = {"decode_s": decode.spent_s, "prepare_s": loop.prepare_s, "detect_s": loop.detect_s}
    return {**clock.spent, **figures, "frames": decode.count, "looks": loop.looks, "found": found, "items": items}


def heard(stages: Iterable[Stage], video: Path, media: MediaInfo, index: FrameIndex) -> dict[str, Found]:
    """What the stages find that look at no pictures."""
    everything, limits = Stretch(0, media.frame_count), DecodeLimits()
    return {
        stage.key: list(stage.detector.listen(video, media, index, everything, limits, lambda: None))
        for stage in stages
        if isinstance(stage.detector, Listener)
    }


def answered(
    name: str, parameters: Parameters, media: MediaInfo, index: FrameIndex, found: Mapping[str, Found]
) -> list[Any]:
    """The items of the Get answer in its first aggregate."""
    aggregator = analyses.load(name).aggregator(parameters, media, index, NoGalleries())
    records = feed(aggregator, index, media, found)
    return [record.body for record in records if record.aggregate == OPERATIONS[name].aggregates[0]]


class Timed:
    """Frames, counted, with the wall time that it took to get them.

    Attributes:
        count: Frames so far.
        spent_s: Seconds so far.
    """

    def __init__(self, frames: Iterator[Any]) -> None:
        self._frames = frames
        self.count = 0
        self.spent_s = 0.0

    def __iter__(self) -> Iterator[Any]:
        while True:
            begun = perf_counter()
            frame = next(self._frames, None)
            self.spent_s += perf_counter() - begun
            if frame is None:
                return
            self.count += 1
            yield frame
