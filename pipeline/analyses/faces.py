"""Face detection, twice a second unless the operator sets another step."""

from collections.abc import Sequence

from pipeline.aggregate.faces import FaceTimeline, TraitTimeline
from pipeline.aggregate.types import Aggregator, Galleries
from pipeline.analyses.stages import face_stage, trait_stage
from pipeline.analyses.types import Analysis, Parameters, Stage
from pipeline.catalog import by_analysis, step_ms
from pipeline.detect import faces, traits
from pipeline.media.types import FrameIndex, MediaInfo
from pipeline.models.types import Models

OPERATION = by_analysis("faces")


class FaceAnalysis:
    """Faces with the default attributes, or with all that the models can tell."""

    def models(self) -> Sequence[str]:
        """The face detector, and the networks that look at each face."""
        return (faces.MODEL, *traits.MODELS)

    def stages(self, parameters: Sequence[Parameters], models: Models) -> Sequence[Stage]:
        """The faces, and what they look like where a request asks for all attributes."""
        stages = [face_stage(models, step) for step in sorted({step_ms(OPERATION, each) for each in parameters})]
        full = sorted({step_ms(OPERATION, each) for each in parameters if _asks_for_all(each)})
        return stages + [trait_stage(models, step) for step in full]

    def aggregator(
        self, parameters: Parameters, media: MediaInfo, index: FrameIndex, galleries: Galleries
    ) -> Aggregator:
        """One item per face and sample."""
        del media, index, galleries
        step = step_ms(OPERATION, parameters)
        key = f"faces-{step}ms"
        return TraitTimeline(key, f"traits-{step}ms") if _asks_for_all(parameters) else FaceTimeline(key)


def _asks_for_all(parameters: Parameters) -> bool:
    return parameters.get("FaceAttributes") == "ALL"


ANALYSIS: Analysis = FaceAnalysis()
