"""DetectModerationLabels: what of an image may have to be moderated, by the networks of content moderation of videos."""

from collections.abc import Mapping
from typing import Any

from pipeline.aggregate.boxes import percent
from pipeline.aggregate.evidence import evidence
from pipeline.aggregate.moderation import MIN_CONFIDENCE, content_types, drawn, judged, picture_labels
from pipeline.detect import body_parts, explicit, objects, tags
from pipeline.detect.types import Values
from pipeline.errors import RequestError
from pipeline.images.call import Call
from pipeline.labels.moderation import MODEL_VERSION
from pipeline.media.types import Frame
from pipeline.models.types import Models


def answer(call: Call) -> dict[str, Any]:
    """ModerationLabels, surest first, ModerationModelVersion and ContentTypes.

    Raises:
        RequestError: the image cannot be used, or an adapter or a human review is asked for.
    """
    _check(call.request)
    frame = call.picture().frame
    explicitness = _explicit(call.models, frame)
    sure = judged(_labels(call.models, frame), explicitness, _parts(call.models, frame))
    least = float(call.request.get("MinConfidence", MIN_CONFIDENCE))
    return {
        "ModerationLabels": picture_labels(sure, least),
        "ModerationModelVersion": MODEL_VERSION,
        "ContentTypes": content_types(percent(drawn(explicitness))),
    }


def _check(request: Mapping[str, Any]) -> None:
    """Nothing, unless the request names what cannot exist here: whoever has images reviewed must not believe that somebody does."""
    if adapter := request.get("ProjectVersion"):
        raise RequestError(
            "ResourceNotFoundException",
            f"The ProjectVersion {adapter} does not exist: this server has no adapters. Leave ProjectVersion out for the base model.",
        )
    if review := request.get("HumanLoopConfig"):
        raise RequestError(
            "ResourceNotFoundException",
            f"The HumanLoopConfig.FlowDefinitionArn {review['FlowDefinitionArn']!r} does not exist: this server has no human reviews, "
            "so nobody would see the image. Leave HumanLoopConfig out; the labels are answered without it.",
        )


def _labels(models: Models, frame: Frame) -> Mapping[str, float]:
    """Label -> how sure it is, 0 to 1."""
    finder = objects.ObjectDetector(models.load(objects.MODEL))
    tagger, second = tags.Tagger(models.load(tags.MODEL)), tags.SecondTagger(models.load(tags.SECOND_MODEL))
    tagged = [tagger.detect([tagger.prepare(frame)])[0], second.detect([second.prepare(frame)])[0]]
    return evidence(finder.detect([finder.prepare(frame)])[0], tagged).labels


def _explicit(models: Models, frame: Frame) -> Values:
    detector = explicit.ExplicitDetector(models.load(explicit.MODEL), models.load(explicit.SECOND_MODEL))
    return detector.detect([detector.prepare(frame)])[0]


def _parts(models: Models, frame: Frame) -> Values | None:
    """None where the operator has not accepted the licence of that network."""
    if not models.has(body_parts.MODEL):
        return None
    detector = body_parts.BodyPartDetector(models.load(body_parts.MODEL))
    return detector.detect([detector.prepare(frame)])[0]
