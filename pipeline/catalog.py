"""What each stored-video Start/Get pair is called, pages by and sorts by: pure data.

An entry and the file `pipeline/analyses/<analysis>.py` together are an analysis; nothing else lists them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TIMESTAMPS = "TIMESTAMPS"
SEGMENTS = "SEGMENTS"


@dataclass(frozen=True, slots=True)
class Operation:
    """One pair `Start<name>` / `Get<name>` of the Rekognition API.

    Attributes:
        name: The pair's common name, for example "LabelDetection".
        analysis: Module in `pipeline.analyses` and the name used on the command line.
        result_key: Member of the Get answer that lists the items.
        orders: SortBy value -> fields of `aggregate.types.Record` to sort by ("-" = descending); the first is the default.
        aggregates: AggregateBy values; the first is the default.
        metadata_is_list: True where the Get answer wraps VideoMetadata in a list.
        echoes_request: True where the Get answer has GetRequestMetadata.
        collection: Member of the Start request that names a face collection, which must exist; empty: none does.
        step_ms: Milliseconds between the frames that are looked at, unless the operator sets others; 0: every frame, always.
        minimal: The members beyond Video that a Start request cannot omit, with values that leave nothing out; an empty collection is
            none, which no request can ask for.
    """

    name: str
    analysis: str
    result_key: str
    orders: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"TIMESTAMP": ("timestamp_ms",)})
    aggregates: tuple[str, ...] = (TIMESTAMPS,)
    metadata_is_list: bool = False
    echoes_request: bool = False
    collection: str = ""
    step_ms: int = 500
    minimal: Mapping[str, Any] = field(default_factory=dict)

    @property
    def start(self) -> str:
        """Name of the operation that submits a job."""
        return f"Start{self.name}"

    @property
    def get(self) -> str:
        """Name of the operation that pages over the results."""
        return f"Get{self.name}"


BY_TIME_OR_NAME = {
    "TIMESTAMP": ("timestamp_ms", "-confidence", "name"),
    "NAME": ("name", "-confidence", "timestamp_ms"),
}

OPERATIONS: Mapping[str, Operation] = {
    operation.name: operation
    for operation in (
        Operation(
            name="LabelDetection",
            analysis="labels",
            result_key="Labels",
            orders=BY_TIME_OR_NAME,
            aggregates=(TIMESTAMPS, SEGMENTS),
            echoes_request=True,
        ),
        Operation(name="FaceDetection", analysis="faces", result_key="Faces"),
        Operation(
            name="FaceSearch",
            analysis="face_search",
            result_key="Persons",
            orders={"TIMESTAMP": ("timestamp_ms", "index"), "INDEX": ("index", "timestamp_ms")},
            collection="CollectionId",
            minimal={"CollectionId": ""},
        ),
        Operation(
            name="CelebrityRecognition",
            analysis="celebrities",
            result_key="Celebrities",
            orders={"TIMESTAMP": ("timestamp_ms", "name"), "ID": ("name", "timestamp_ms")},
        ),
        Operation(
            name="ContentModeration",
            analysis="moderation",
            result_key="ModerationLabels",
            orders=BY_TIME_OR_NAME,
            aggregates=(TIMESTAMPS, SEGMENTS),
            echoes_request=True,
        ),
        Operation(name="TextDetection", analysis="text", result_key="TextDetections"),
        Operation(
            name="PersonTracking",
            analysis="persons",
            result_key="Persons",
            orders={"TIMESTAMP": ("timestamp_ms", "index"), "INDEX": ("index", "-confidence", "timestamp_ms")},
            step_ms=200,
        ),
        Operation(
            name="SegmentDetection",
            analysis="segments",
            result_key="Segments",
            orders={"TIMESTAMP": ("index", "timestamp_ms")},
            metadata_is_list=True,
            step_ms=0,
            minimal={"SegmentTypes": ("SHOT", "TECHNICAL_CUE")},
        ),
    )
}


STEP = "StepMs"
"""Member of a job's parameters beside those of its request: the step it is analysed with, kept for as long as the job lives."""


def step_ms(operation: Operation, parameters: Mapping[str, Any]) -> int:
    """Milliseconds between the frames that a job of the operation looks at."""
    return int(parameters.get(STEP, operation.step_ms))


def by_analysis(analysis: str) -> Operation:
    """The operation whose command-line name is `analysis`.

    Raises:
        KeyError: no operation has that name.
    """
    return {operation.analysis: operation for operation in OPERATIONS.values()}[analysis]
