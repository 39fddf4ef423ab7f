"""Face search, twice a second unless the operator sets another step."""

from collections.abc import Sequence

from pipeline.aggregate.face_search import FaceSearchTimeline
from pipeline.aggregate.sightings import Sightings
from pipeline.aggregate.similarity import DEFAULT
from pipeline.aggregate.types import Aggregator, Galleries
from pipeline.analyses.stages import known_face_stages
from pipeline.analyses.types import Analysis, Parameters, Stage
from pipeline.catalog import by_analysis, step_ms
from pipeline.detect import embeddings
from pipeline.media.types import FrameIndex, MediaInfo
from pipeline.models.types import Models

OPERATION = by_analysis("face_search")


class FaceSearchAnalysis:
    """People with one index through the whole video, and the faces of a collection that they match."""

    def models(self) -> Sequence[str]:
        """The face detector and the network that tells faces apart."""
        return embeddings.MODELS

    def stages(self, parameters: Sequence[Parameters], models: Models) -> Sequence[Stage]:
        """The faces and their embeddings, for each step that is asked for."""
        return known_face_stages(models, sorted({step_ms(OPERATION, each) for each in parameters}))

    def aggregator(
        self, parameters: Parameters, media: MediaInfo, index: FrameIndex, galleries: Galleries
    ) -> Aggregator:
        """One item per face and sample; a request that names no collection is answered without matches."""
        del index
        name = parameters["CollectionId"]
        gallery = galleries.collection(name) if name else None
        step = step_ms(OPERATION, parameters)
        sightings = Sightings(f"faces-{step}ms", f"face-embeddings-{step}ms", media.aspect)
        return FaceSearchTimeline(sightings, gallery, float(parameters.get("FaceMatchThreshold", DEFAULT)))


ANALYSIS: Analysis = FaceSearchAnalysis()
