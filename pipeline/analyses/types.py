"""What an analysis is: which stages look at which frames, and which aggregator makes the answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pipeline.aggregate.types import Aggregator, Galleries
from pipeline.detect.types import AnyDetector, Listener
from pipeline.media.types import FrameIndex, MediaInfo, Sampling
from pipeline.models.types import Models

Parameters = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stage:
    """A detector and the frames it looks at.

    Attributes:
        key: Name of what is found; stages with equal keys in one pass run once, whoever asked for them.
        detector: The detector.
        sampling: The frames it looks at; of no meaning to a `Listener`.
        needs: Key of the stage whose findings the detector is given with each frame, as `detect.types.Joined`; that stage must be in the
            same list. Empty: it works on frames alone.
        lane: Stages of one lane are one walk of one detector over the frames of all of them, so that each frame is looked at once.
            Empty: a lane of its own.
    """

    key: str
    detector: AnyDetector | Listener[Any]
    sampling: Sampling
    needs: str = ""
    lane: str = ""


class Analysis(Protocol):
    """One module of `pipeline.analyses`; the module's `ANALYSIS` is an instance.

    `parameters` are the members of the Start request that are the operation's own (not Video, JobTag, ...), validated.
    """

    def models(self) -> Sequence[str]:
        """Names of the models in the manifest that must be pulled."""

    def stages(self, parameters: Sequence[Parameters], models: Models) -> Sequence[Stage]:
        """The stages that serve all these requests at once; thresholds are the loosest of them."""

    def aggregator(
        self, parameters: Parameters, media: MediaInfo, index: FrameIndex, galleries: Galleries
    ) -> Aggregator:
        """A fresh aggregator for one request; applies that request's own thresholds and filters.

        Raises:
            JobFailed: what the request names, for example its collection, is gone.
        """
