"""Face detection twice a second."""

from collections.abc import Sequence

from pipeline.aggregate.faces import FaceTimeline
from pipeline.aggregate.types import Aggregator
from pipeline.analyses.types import Analysis, Parameters, Stage
from pipeline.detect import faces
from pipeline.media.types import Every, FrameIndex, MediaInfo
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
        return (Stage(FACES, faces.FaceDetector(models.load(faces.MODEL)), Every(STEP_MS)),)

    def aggregator(self, parameters: Parameters, media: MediaInfo, index: FrameIndex) -> Aggregator:
        """One item per face and sample."""
        del parameters, media, index
        return FaceTimeline(FACES)


ANALYSIS: Analysis = FaceAnalysis()
