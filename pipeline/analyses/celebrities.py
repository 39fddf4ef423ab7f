"""Celebrity recognition, twice a second unless the operator sets another step."""

from collections.abc import Sequence

from pipeline.aggregate.celebrities import CelebrityTimeline
from pipeline.aggregate.sightings import Sightings
from pipeline.aggregate.types import Aggregator, Galleries
from pipeline.analyses.stages import known_face_stages
from pipeline.analyses.types import Analysis, Parameters, Stage
from pipeline.catalog import by_analysis, step_ms
from pipeline.detect import embeddings
from pipeline.media.types import FrameIndex, MediaInfo
from pipeline.models.types import Models

OPERATION = by_analysis("celebrities")


class CelebrityAnalysis:
    """Those of the operator's celebrities whose faces are seen."""

    def models(self) -> Sequence[str]:
        """The face detector and the network that tells faces apart."""
        return embeddings.MODELS

    def stages(self, parameters: Sequence[Parameters], models: Models) -> Sequence[Stage]:
        """The faces and their embeddings, for each step that is asked for."""
        return known_face_stages(models, sorted({step_ms(OPERATION, each) for each in parameters}))

    def aggregator(
        self, parameters: Parameters, media: MediaInfo, index: FrameIndex, galleries: Galleries
    ) -> Aggregator:
        """One item per known face and sample."""
        del index
        step = step_ms(OPERATION, parameters)
        sightings = Sightings(f"faces-{step}ms", f"face-embeddings-{step}ms", media.aspect)
        return CelebrityTimeline(sightings, galleries.celebrities())


ANALYSIS: Analysis = CelebrityAnalysis()
