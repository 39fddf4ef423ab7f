"""Face detection twice a second."""

from collections.abc import Sequence

from pipeline.aggregate.faces import FaceTimeline
from pipeline.aggregate.types import Aggregator, Galleries
from pipeline.analyses.stages import face_stage
from pipeline.analyses.types import Analysis, Parameters, Stage
from pipeline.detect import faces
from pipeline.media.types import FrameIndex, MediaInfo
from pipeline.models.types import Models

STEP_MS = 500
FACES = f"faces-{STEP_MS}ms"


class FaceAnalysis:
    """Faces with the default attributes; FaceAttributes ALL is accepted and answered with the same ones."""

    def models(self) -> Sequence[str]:
        """The face detector."""
        return (faces.MODEL,)

    def stages(self, parameters: Sequence[Parameters], models: Models) -> Sequence[Stage]:
        """One stage for any requests."""
        del parameters
        return (face_stage(models, STEP_MS),)

    def aggregator(
        self, parameters: Parameters, media: MediaInfo, index: FrameIndex, galleries: Galleries
    ) -> Aggregator:
        """One item per face and sample."""
        del parameters, media, index, galleries
        return FaceTimeline(FACES)


ANALYSIS: Analysis = FaceAnalysis()
