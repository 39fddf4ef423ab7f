"""Label detection: objects, tags and faces, twice a second unless the operator sets another step."""

from collections.abc import Sequence

from pipeline.aggregate.labels import MIN_CONFIDENCE, LabelTimeline
from pipeline.aggregate.types import Aggregator, Galleries
from pipeline.analyses.stages import face_stage, object_stage, second_tag_stage, tag_stage
from pipeline.analyses.types import Analysis, Parameters, Stage
from pipeline.catalog import by_analysis, step_ms
from pipeline.detect import faces, objects, tags
from pipeline.labels.filters import label_filter
from pipeline.media.types import FrameIndex, MediaInfo
from pipeline.models.types import Models

OPERATION = by_analysis("labels")


class LabelAnalysis:
    """GENERAL_LABELS over a video; confidences and filters are applied by the aggregator, so that all requests share the stages."""

    def models(self) -> Sequence[str]:
        """The object detector, both taggers and the face detector."""
        return (objects.MODEL, tags.MODEL, tags.SECOND_MODEL, faces.MODEL)

    def stages(self, parameters: Sequence[Parameters], models: Models) -> Sequence[Stage]:
        """The same stages for any requests; their floors are below any useful MinConfidence."""
        kinds = (object_stage, tag_stage, second_tag_stage, face_stage)
        steps = sorted({step_ms(OPERATION, each) for each in parameters})
        return [stage(models, step) for step in steps for stage in kinds]

    def aggregator(
        self, parameters: Parameters, media: MediaInfo, index: FrameIndex, galleries: Galleries
    ) -> Aggregator:
        """A timeline with the request's MinConfidence (50 where it names none) and its filters."""
        del media, index, galleries
        least = float(parameters.get("MinConfidence", MIN_CONFIDENCE))
        step = step_ms(OPERATION, parameters)
        tagging = (f"tags-{step}ms", f"second-tags-{step}ms")
        return LabelTimeline(f"objects-{step}ms", tagging, f"faces-{step}ms", 2 * step, least, label_filter(parameters))


ANALYSIS: Analysis = LabelAnalysis()
