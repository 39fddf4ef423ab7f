"""Content moderation twice a second."""

from collections.abc import Sequence

from pipeline.aggregate.moderation import MIN_CONFIDENCE, ModerationStages, ModerationTimeline
from pipeline.aggregate.types import Aggregator, Galleries
from pipeline.analyses.stages import explicit_stage, object_stage, part_stage, second_tag_stage, tag_stage
from pipeline.analyses.types import Analysis, Parameters, Stage
from pipeline.catalog import by_analysis, step_ms
from pipeline.detect import body_parts, explicit, objects, tags
from pipeline.media.types import FrameIndex, MediaInfo
from pipeline.models.types import Models

OPERATION = by_analysis("moderation")


class ModerationAnalysis:
    """Labels mapped to Rekognition's categories, two classifiers of explicit pictures, and NudeNet where it is pulled and accepted."""

    def models(self) -> Sequence[str]:
        """Those of label detection, and the classifiers."""
        return (objects.MODEL, tags.MODEL, tags.SECOND_MODEL, *explicit.MODELS)

    def stages(self, parameters: Sequence[Parameters], models: Models) -> Sequence[Stage]:
        """The same stages for any MinConfidence."""
        kinds = [object_stage, tag_stage, second_tag_stage, explicit_stage]
        if models.has(body_parts.MODEL):
            kinds.append(part_stage)
        steps = sorted({step_ms(OPERATION, each) for each in parameters})
        return [stage(models, step) for step in steps for stage in kinds]

    def aggregator(
        self, parameters: Parameters, media: MediaInfo, index: FrameIndex, galleries: Galleries
    ) -> Aggregator:
        """A timeline with the request's MinConfidence (50 where it names none)."""
        del media, index, galleries
        step = step_ms(OPERATION, parameters)
        stages = ModerationStages(
            objects=f"objects-{step}ms",
            tags=(f"tags-{step}ms", f"second-tags-{step}ms"),
            explicit=f"explicit-{step}ms",
            parts=f"parts-{step}ms",
        )
        return ModerationTimeline(stages, float(parameters.get("MinConfidence", MIN_CONFIDENCE)))


ANALYSIS: Analysis = ModerationAnalysis()
