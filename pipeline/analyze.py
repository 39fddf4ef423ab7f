"""A whole analysis without any server: a path in, answers shaped as the Get operations' out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

from pipeline import analyses
from pipeline.aggregate.feed import feed
from pipeline.aggregate.types import Galleries, NoGalleries, Record
from pipeline.analyses.types import Parameters, Stage
from pipeline.catalog import OPERATIONS, Operation
from pipeline.conduct.facts import video_metadata
from pipeline.detect.columns import pack, unpack
from pipeline.jobs.planning import stretches
from pipeline.media.limits import DecodeLimits
from pipeline.media.probe import probe
from pipeline.media.types import FrameIndex, MediaInfo
from pipeline.models.types import Models
from pipeline.run import Timings, run

Progress = Callable[[int, int], None]
CHUNK_S = 120.0


@dataclass(frozen=True, slots=True)
class Report:
    """What an analysis gave.

    Attributes:
        media: Facts of the video.
        answers: Operation -> the Get answer with all items in its default order.
        timings: Per chunk, stage key -> where the time went.
    """

    media: MediaInfo
    answers: Mapping[str, Mapping[str, Any]]
    timings: Sequence[Mapping[str, Timings]]


def analyze(
    path: Path,
    requests: Mapping[str, Parameters],
    models: Models,
    progress: Progress = lambda done, total: None,
    limits: DecodeLimits | None = None,
    chunk_s: float = CHUNK_S,
    galleries: Galleries = NoGalleries(),  # noqa: B008
    threads: int = 1,
) -> Report:
    """Analyses a video with one decode for all requests.

    Args:
        path: The video.
        requests: Operation (for example "LabelDetection") -> the operation's own members of a Start request.
        models: Where the weights come from.
        progress: Called with frames done and frames in all.
        limits: What the decoder may use.
        chunk_s: Seconds of video whose detections are held unpacked at once.
        galleries: Known faces.
        threads: That detect side by side; models should then use one thread each.

    Raises:
        MediaError: the video cannot be analysed; the message says why.
        Exception: whatever a detector raised.
    """
    limits = limits or DecodeLimits()
    media, index = probe(path, limits)
    stages = _stages(requests, models)
    once = {stage.key: stage for wanted in stages.values() for stage in wanted}
    found: dict[str, list[bytes]] = {key: [] for key in once}
    timings = []
    for stretch in stretches(media, index, chunk_s):

        def report(done: int, start: int = stretch.start) -> None:
            progress(start + done, media.frame_count)

        results = run(path, media, index, stretch, list(once.values()), report, limits=limits, threads=threads)
        for key, result in results.items():
            if result.error is not None:
                raise result.error
            found[key].append(pack(result.found))
        timings.append({key: result.timings for key, result in results.items()})
    progress(media.frame_count, media.frame_count)
    answers = {
        name: _answer(
            name, parameters, media, index, galleries, {stage.key: found[stage.key] for stage in stages[name]}
        )
        for name, parameters in requests.items()
    }
    return Report(media, answers, timings)


def _stages(requests: Mapping[str, Parameters], models: Models) -> dict[str, Sequence[Stage]]:
    return {name: analyses.load(name).stages([parameters], models) for name, parameters in requests.items()}


def _answer(
    name: str,
    parameters: Parameters,
    media: MediaInfo,
    index: FrameIndex,
    galleries: Galleries,
    found: Mapping[str, Sequence[bytes]],
) -> dict[str, Any]:
    operation = OPERATIONS[name]
    aggregator = analyses.load(name).aggregator(parameters, media, index, galleries)
    streams = {key: (pair for raw in packed for pair in unpack(raw)) for key, packed in found.items()}
    records = [r for r in feed(aggregator, index, media, streams) if r.aggregate == operation.aggregates[0]]
    metadata = video_metadata(media)
    return {
        "JobStatus": "SUCCEEDED",
        "VideoMetadata": [metadata] if operation.metadata_is_list else metadata,
        operation.result_key: [dict(record.body) for record in _sorted(records, operation)],
        **aggregator.summary(),
    }


def _sorted(records: list[Record], operation: Operation) -> list[Record]:
    """The records in the operation's default order; ties keep theirs."""
    for field in reversed(next(iter(operation.orders.values()))):
        records.sort(key=attrgetter(field.lstrip("-")), reverse=field.startswith("-"))
    return records
