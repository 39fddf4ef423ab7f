"""What aggregators are and what they emit."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from pipeline.errors import JobFailed
from pipeline.media.types import F32, I64, Timestamp


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


@runtime_checkable
class Measuring(Protocol):
    """An aggregator to which some stages' `Values` may be given many frames at a time, since hours of single frames are dear.

    It must not matter whether these come before, between or behind what `add` is given.
    """

    @property
    def measured(self) -> Collection[str]:
        """Keys of these stages."""

    def measure(self, stage: str, frames: I64, values: F32) -> None:
        """Takes the values (N, K) of the frames (N,)."""


@dataclass(frozen=True, slots=True)
class Match:
    """A known face that resembles a searched one.

    Attributes:
        cosine: Of the two embeddings, -1 to 1.
        face: What is known: the `Face` of a collection, or Id, Name, Urls and KnownGender of a celebrity, AWS-shaped.
    """

    cosine: float
    face: Mapping[str, Any]


class Gallery(Protocol):
    """Known faces to match against."""

    def search(self, vectors: F32, least: float, limit: int) -> Sequence[Sequence[Match]]:
        """The best matches of every vector, best first, ties by face id.

        Args:
            vectors: (Q, D) float32 rows of length 1.
            least: Least cosine of a match.
            limit: Matches per vector, at most.
        """


class Galleries(Protocol):
    """Whose faces a request may be matched against."""

    def collection(self, name: str) -> Gallery:
        """The faces of a collection of the request's account.

        Raises:
            JobFailed: there is no such collection.
        """

    def celebrities(self) -> Gallery | None:
        """The operator's gallery of celebrities; None: it is empty."""


class NoGalleries:
    """Nobody is known."""

    def collection(self, name: str) -> Gallery:
        """Raises `JobFailed`."""
        raise JobFailed(f"There is no collection {name}.")

    def celebrities(self) -> Gallery | None:
        """None."""
        return None
