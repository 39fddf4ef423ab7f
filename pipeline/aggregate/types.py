"""What aggregators are and what they emit."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pipeline.media.types import Timestamp


@dataclass(frozen=True, slots=True)
class Record:
    """One item of a Get answer with what it is sorted by.

    Attributes:
        body: The item exactly as the API shows it (AWS-shaped).
        timestamp_ms: Milliseconds from the first frame.
        name: Label or celebrity name, where the operation sorts by it.
        confidence: 0 to 100.
        index: Person index, or rank of the segment type; 0 elsewhere.
        aggregate: The AggregateBy view the item belongs to.
    """

    body: Mapping[str, Any]
    timestamp_ms: int
    name: str = ""
    confidence: float = 0.0
    index: int = 0
    aggregate: str = "TIMESTAMPS"


class Aggregator(Protocol):
    """Turns the detections of a whole video, in time order, into records; stateful.

    The answer must not depend on how the video was cut into chunks.
    """

    def add(self, index: int, timestamp: Timestamp, found: Mapping[str, Any]) -> Iterable[Record]:
        """Records that became known with this frame.

        Args:
            index: Frame number.
            timestamp: When the frame is displayed.
            found: Stage key -> detections of this frame; only the stages that sampled it.
        """

    def finish(self, end: Timestamp) -> Iterable[Record]:
        """The remaining records; `end` is the end of the last frame."""

    def summary(self) -> Mapping[str, Any]:
        """Members that the Get answer carries beside the items, for example {"LabelModelVersion": "3.0"}; called after `finish`."""
