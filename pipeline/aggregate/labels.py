"""Labels over time: GetLabelDetection's items by timestamp and by segment.

MinConfidence holds for a label and for each of its instances. Filters decide label by label (see `pipeline.labels.filters`); `Parents`,
`Aliases` and `Categories` of a kept label are always complete.

A segment is a run of consecutive samples that have the label; it ends where the first sample without it, or the video, begins or ends.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pipeline.aggregate.boxes import bounding_box, percent
from pipeline.aggregate.conclusions import Instance
from pipeline.aggregate.evidence import Evidence, evidence, steadied
from pipeline.aggregate.types import Record
from pipeline.catalog import SEGMENTS
from pipeline.labels.filters import EVERYTHING, LabelFilter
from pipeline.labels.vocabulary import Label, vocabulary
from pipeline.media.types import Timestamp

MODEL_VERSION = "3.0"
MIN_CONFIDENCE = 50.0


@dataclass(frozen=True, slots=True)
class _Sample:
    timestamp_ms: int
    evidence: Evidence


@dataclass(slots=True)
class _Segment:
    start_ms: int
    confidence: float


@dataclass(slots=True)
class LabelTimeline:
    """Both views of the labels of a video; a sample is reported when its successor is known.

    Attributes:
        objects: Key of the stage that finds objects.
        tags: Keys of the stages that tag frames.
        faces: Key of the stage that finds faces.
        neighbourhood_ms: Samples at most this far away are neighbours.
        min_confidence: 0 to 100.
        wanted: Which labels are reported.
    """

    objects: str
    tags: Sequence[str]
    faces: str
    neighbourhood_ms: int
    min_confidence: float = MIN_CONFIDENCE
    wanted: LabelFilter = EVERYTHING
    _recent: list[_Sample] = field(default_factory=list)
    _open: dict[str, _Segment] = field(default_factory=dict)

    def add(self, index: int, timestamp: Timestamp, found: Mapping[str, Any]) -> Iterator[Record]:
        """The records of the sample before this one, and the segments that it ended."""
        del index
        tags = [found.get(key) for key in self.tags]
        saw = evidence(found.get(self.objects), tags, found.get(self.faces))
        self._recent.append(_Sample(timestamp.millis, saw))
        if len(self._recent) > 1:
            yield from self._report(len(self._recent) - 2)
        del self._recent[:-2]

    def finish(self, end: Timestamp) -> Iterator[Record]:
        """The records of the last sample and the segments that are still open."""
        if self._recent:
            yield from self._report(len(self._recent) - 1)
        yield from self._close(list(self._open), end.millis)

    def summary(self) -> Mapping[str, Any]:
        """The version of the label model."""
        return {"LabelModelVersion": MODEL_VERSION}

    def _report(self, place: int) -> Iterator[Record]:
        sample = self._recent[place]
        beside = [self._recent[i] for i in (place - 1, place + 1) if 0 <= i < len(self._recent)]
        near = [o.evidence for o in beside if abs(o.timestamp_ms - sample.timestamp_ms) <= self.neighbourhood_ms]
        steady = steadied(sample.evidence, near, _share(self.min_confidence))
        kept = kept_labels(steady, self.min_confidence, self.wanted)
        names = {label.name for label, _ in kept}
        yield from self._close([name for name in self._open if name not in names], sample.timestamp_ms)
        for label, sure in sorted(kept, key=lambda pair: pair[0].name):
            segment = self._open.setdefault(label.name, _Segment(sample.timestamp_ms, sure))
            segment.confidence = max(segment.confidence, sure)
            yield self._moment(sample.timestamp_ms, label, sure, steady.instances.get(label.name, ()))

    def _moment(self, timestamp_ms: int, label: Label, confidence: float, instances: Iterable[Instance]) -> Record:
        shown = label_body(label, confidence, instances, self.min_confidence)
        body = {"Timestamp": timestamp_ms, "Label": shown}
        return Record(body, timestamp_ms, name=label.name, confidence=confidence)

    def _close(self, names: Iterable[str], end_ms: int) -> Iterator[Record]:
        for name in sorted(names):
            segment = self._open.pop(name)
            body = {
                "Timestamp": segment.start_ms,
                "Label": {"Name": name, "Confidence": segment.confidence, **_kin(name)},
                "StartTimestampMillis": segment.start_ms,
                "EndTimestampMillis": end_ms,
                "DurationMillis": end_ms - segment.start_ms,
            }
            yield Record(body, segment.start_ms, name=name, confidence=segment.confidence, aggregate=SEGMENTS)


def kept_labels(saw: Evidence, min_confidence: float, wanted: LabelFilter) -> list[tuple[Label, float]]:
    """The labels that a request wants to hear of, with their Confidence."""
    known, least = vocabulary().labels, _share(min_confidence)
    labels = [(known[name], percent(sure)) for name, sure in saw.labels.items() if sure >= least]
    return [(label, sure) for label, sure in labels if sure >= min_confidence and wanted.keeps(label)]


def _share(min_confidence: float) -> float:
    """A share of 1 below which nothing reaches the confidence, however it is rounded."""
    return (min_confidence - 0.001) / 100


def label_body(label: Label, confidence: float, instances: Iterable[Instance], min_confidence: float) -> dict[str, Any]:
    """A Label as answers have it, with those of its instances that are sure enough."""
    shown = [(instance.box, percent(instance.confidence)) for instance in instances]
    boxes = [{"BoundingBox": bounding_box(box), "Confidence": sure} for box, sure in shown if sure >= min_confidence]
    return {"Name": label.name, "Confidence": confidence, "Instances": boxes, **_kin(label.name)}


def picture_labels(saw: Evidence, min_confidence: float, wanted: LabelFilter) -> list[dict[str, Any]]:
    """The Labels of a single picture, surest first; of equally sure ones the most special first."""
    kept = kept_labels(saw, min_confidence, wanted)
    kept.sort(key=lambda pair: (-pair[1], -len(pair[0].parents), pair[0].name))
    return [label_body(label, sure, saw.instances.get(label.name, ()), min_confidence) for label, sure in kept]


@cache
def _kin(name: str) -> Mapping[str, Sequence[Mapping[str, str]]]:
    """The members of a label that the vocabulary knows."""
    label = vocabulary().labels[name]
    return {
        "Parents": [{"Name": name} for name in label.parents],
        "Aliases": [{"Name": name} for name in label.aliases],
        "Categories": [{"Name": name} for name in label.categories],
    }
