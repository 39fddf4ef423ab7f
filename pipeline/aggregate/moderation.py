"""Content moderation: the labels of a picture, and over time GetContentModeration's items by timestamp and by segment.

How sure a category is, 0 to 1:

1. A label of label detection counts as often as it means the category (`moderation.tsv`).
2. Swimwear and underwear: what the taggers see, t, is lifted to √(s·t) where the classifier of pictures calls the frame sexy with s > t: it
   confirms, but sees sports and bare arms as sexy too, so it says nothing alone.
3. Explicit nudity: √(p·q), p what the one classifier gives its explicit classes and q what the other, trained apart, gives "not safe for
   work". Either alone errs on harmless pictures; both together rarely do.
4. Parts of bodies, where their detector may be used: √(part·c), c the surest of the three classifiers' probabilities above.
5. What makes a category sure makes its ancestors as sure.

ContentTypes says "Illustrated" where drawn pictures are likelier than not.
A segment is a run of consecutive samples that have the label; it ends where the first sample without it, or the video, begins or ends.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

from pipeline.aggregate.boxes import percent
from pipeline.aggregate.evidence import evidence
from pipeline.aggregate.types import Record
from pipeline.catalog import SEGMENTS, TIMESTAMPS
from pipeline.detect.body_parts import CLASSES
from pipeline.detect.explicit import DRAWING, HENTAI, NSFW, PORN, SEXY
from pipeline.detect.types import Values
from pipeline.labels.moderation import MODEL_VERSION, Category, Clue, taxonomy
from pipeline.media.types import Timestamp

MIN_CONFIDENCE = 50.0
ILLUSTRATED = "Illustrated"


@dataclass(frozen=True, slots=True)
class ModerationStages:
    """Keys of the stages that are looked at.

    Attributes:
        objects: Objects.
        tags: Both taggers.
        explicit: The classifiers of explicit pictures.
        parts: Parts of bodies; may be missing from what is found.
    """

    objects: str
    tags: tuple[str, ...]
    explicit: str
    parts: str


@dataclass(slots=True)
class _Segment:
    start_ms: int
    confidence: float
    drawn: float


def judged(labels: Mapping[str, float], explicit: Values | None, parts: Values | None) -> dict[str, float]:
    """Category -> how sure it is, 0 to 1, ancestors included; those that nothing speaks for are left out."""
    found: dict[str, float] = {}
    for category in taxonomy().values():
        sure = max((_weight(clue, labels, explicit, parts) for clue in category.clues), default=0.0)
        for name in (category.name, *category.parents):
            if sure > found.get(name, 0.0):
                found[name] = sure
    return found


def _weight(clue: Clue, labels: Mapping[str, float], explicit: Values | None, parts: Values | None) -> float:
    if clue.kind == "label":
        return clue.share * labels.get(clue.name, 0.0)
    if clue.kind == "sexy":
        seen = clue.share * labels.get(clue.name, 0.0)
        return seen if explicit is None else max(seen, sqrt(seen * float(explicit.values[SEXY])))
    if explicit is None:
        return 0.0
    pornographic = min(float(explicit.values[PORN] + explicit.values[HENTAI]), 1.0)
    unsafe = float(explicit.values[NSFW])
    if clue.kind == "explicit":
        return sqrt(pornographic * unsafe)
    if parts is None:
        return 0.0
    confirmed = max(pornographic, unsafe, float(explicit.values[SEXY]))
    return sqrt(float(parts.values[CLASSES.index(clue.name)]) * confirmed)


def drawn(explicit: Values | None) -> float:
    """How surely the frame is a drawn picture, 0 to 1."""
    return 0.0 if explicit is None else min(float(explicit.values[DRAWING] + explicit.values[HENTAI]), 1.0)


@dataclass(slots=True)
class ModerationTimeline:
    """Both views of a video's moderation labels.

    Attributes:
        stages: What it reads.
        min_confidence: 0 to 100.
    """

    stages: ModerationStages
    min_confidence: float = MIN_CONFIDENCE
    _open: dict[str, _Segment] = field(default_factory=dict)

    def add(self, index: int, timestamp: Timestamp, found: Mapping[str, Any]) -> Iterator[Record]:
        """The records of the sample, and the segments that it ended."""
        del index
        stages = self.stages
        explicit: Values | None = found.get(stages.explicit)
        labels = evidence(found.get(stages.objects), [found.get(key) for key in stages.tags]).labels
        sure = {name: percent(each) for name, each in judged(labels, explicit, found.get(stages.parts)).items()}
        kept = {name: each for name, each in sure.items() if each >= self.min_confidence}
        yield from self._close([name for name in self._open if name not in kept], timestamp.millis)
        illustrated = percent(drawn(explicit))
        for name, confidence in kept.items():
            segment = self._open.setdefault(name, _Segment(timestamp.millis, confidence, illustrated))
            segment.confidence = max(segment.confidence, confidence)
            segment.drawn = max(segment.drawn, illustrated)
            yield _record(taxonomy()[name], timestamp.millis, confidence, illustrated)

    def finish(self, end: Timestamp) -> Iterator[Record]:
        """The segments that are still open."""
        yield from self._close(list(self._open), end.millis)

    def summary(self) -> Mapping[str, Any]:
        """The version of the taxonomy."""
        return {"ModerationModelVersion": MODEL_VERSION}

    def _close(self, names: Iterable[str], end_ms: int) -> Iterator[Record]:
        for name in names:
            segment = self._open.pop(name)
            span = {
                "StartTimestampMillis": segment.start_ms,
                "EndTimestampMillis": end_ms,
                "DurationMillis": end_ms - segment.start_ms,
            }
            yield _record(taxonomy()[name], segment.start_ms, segment.confidence, segment.drawn, span)


def picture_labels(sure: Mapping[str, float], least: float) -> list[dict[str, Any]]:
    """The ModerationLabels of one picture, surest first; of equally sure ones, as a category and its parents mostly are, the narrowest.

    Args:
        sure: Category -> how sure it is, 0 to 1.
        least: Of what is reported, 0 to 100.

    Source: for the order: Amazon Rekognition developer guide, "Moderating content", the answer of moderation model 7.
    """
    found = [_label(taxonomy()[name], percent(share)) for name, share in sure.items() if percent(share) >= least]
    return sorted(found, key=lambda label: (-label["Confidence"], -label["TaxonomyLevel"]))


def content_types(illustrated: float) -> list[dict[str, Any]]:
    """ContentTypes of a frame or a picture that is drawn with this confidence, 0 to 100."""
    return [{"Name": ILLUSTRATED, "Confidence": illustrated}] if illustrated >= MIN_CONFIDENCE else []


def _label(category: Category, confidence: float) -> dict[str, Any]:
    return {
        "Name": category.name,
        "ParentName": category.parent,
        "TaxonomyLevel": category.level,
        "Confidence": confidence,
    }


def _record(
    category: Category, start_ms: int, confidence: float, illustrated: float, span: Mapping[str, int] | None = None
) -> Record:
    body = {
        "Timestamp": start_ms,
        "ModerationLabel": _label(category, confidence),
        "ContentTypes": content_types(illustrated),
        **(span or {}),
    }
    aggregate = SEGMENTS if span else TIMESTAMPS
    return Record(body, start_ms, name=category.name, confidence=confidence, aggregate=aggregate)
