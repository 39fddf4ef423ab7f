"""Face detection twice a second."""

from collections.abc import Sequence

from pipeline.aggregate.faces import FaceTimeline, TraitTimeline
from pipeline.aggregate.types import Aggregator, Galleries
from pipeline.analyses.stages import face_stage, trait_stage
from pipeline.analyses.types import Analysis, Parameters, Stage
from pipeline.detect import faces, traits
from pipeline.media.types import FrameIndex, MediaInfo
from pipeline.models.types import Models

STEP_MS = 500
FACES, TRAITS = f"faces-{STEP_MS}ms", f"traits-{STEP_MS}ms"


class FaceAnalysis:
    """Faces with the default attributes, or with all that the models can tell."""

    def models(self) -> Sequence[str]:
        """The face detector, and the networks that look at each face."""
        return (faces.MODEL, *traits.MODELS)

    def stages(self, parameters: Sequence[Parameters], models: Models) -> Sequence[Stage]:
        """The faces, and what they look like where a request asks for all attributes."""
        found = face_stage(models, STEP_MS)
        return (found, trait_stage(models, STEP_MS)) if any(map(_asks_for_all, parameters)) else (found,)

    def aggregator(
        self, parameters: Parameters, media: MediaInfo, index: FrameIndex, galleries: Galleries
    ) -> Aggregator:
        """One item per face and sample."""
        del media, index, galleries
        return TraitTimeline(FACES, TRAITS) if _asks_for_all(parameters) else FaceTimeline(FACES)


def _asks_for_all(parameters: Parameters) -> bool:
    return parameters.get("FaceAttributes") == "ALL"


ANALYSIS: Analysis = FaceAnalysis()
