"""DetectLabels: what an image shows.

MinConfidence and MaxLabels are for GENERAL_LABELS; a request that names them without it is refused, as Amazon documents. No network runs
for a feature that is not asked for. Instances of labels have colours where both features are.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from pipeline.aggregate.labels import MODEL_VERSION, picture_labels
from pipeline.errors import RequestError
from pipeline.images.call import Call
from pipeline.images.image_properties import Properties
from pipeline.images.labels import seen
from pipeline.labels.filters import check_filters, label_filter
from pipeline.media.types import Frame

GENERAL_LABELS, IMAGE_PROPERTIES = "GENERAL_LABELS", "IMAGE_PROPERTIES"
MIN_CONFIDENCE = 55.0
MOST_LABELS = 1000
DOMINANT_COLORS = 10
"""Source of the three: Amazon Rekognition API reference, DetectLabels."""


def answer(call: Call) -> dict[str, Any]:
    """Labels, surest first, and ImageProperties: what Features names.

    Raises:
        RequestError: members contradict each other, a filter names what does not exist, or the image cannot be used.
    """
    features = frozenset(call.request.get("Features") or (GENERAL_LABELS,))
    _check(call.request, features)
    frame = call.picture().frame
    found = _labels(call, frame) if GENERAL_LABELS in features else {}
    if IMAGE_PROPERTIES in features:
        properties = Properties(call.models, frame, _most_colors(call.request))
        _color(found.get("Labels", ()), properties)
        found["ImageProperties"] = properties.body()
    return found


def _check(request: Mapping[str, Any], features: Collection[str]) -> None:
    check_filters(request)
    for member in ("MinConfidence", "MaxLabels"):
        if member in request and GENERAL_LABELS not in features:
            raise RequestError(
                "InvalidParameterException",
                f"Request has invalid parameters: {member} {request[member]} is only valid where Features has {GENERAL_LABELS}.",
            )


def _labels(call: Call, frame: Frame) -> dict[str, Any]:
    request = call.request
    least = float(request.get("MinConfidence", MIN_CONFIDENCE))
    labels = picture_labels(seen(call.models, frame), least, label_filter(request))
    most = min(request.get("MaxLabels", MOST_LABELS), MOST_LABELS)
    return {"Labels": labels[:most], "LabelModelVersion": MODEL_VERSION}


def _most_colors(request: Mapping[str, Any]) -> int:
    settings = (request.get("Settings") or {}).get("ImageProperties") or {}
    return int(settings.get("MaxDominantColors", DOMINANT_COLORS))


def _color(labels: Iterable[Mapping[str, Any]], properties: Properties) -> None:
    """Gives the instances of the labels their DominantColors."""
    for label in labels:
        for instance in label["Instances"]:
            instance["DominantColors"] = properties.colors(instance["BoundingBox"])
