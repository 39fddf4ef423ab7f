"""Text detection, twice a second unless the operator sets another step."""

from collections.abc import Sequence

from pipeline.aggregate.text import TextTimeline, text_filter
from pipeline.aggregate.types import Aggregator, Galleries
from pipeline.analyses.stages import text_box_stage, text_stage
from pipeline.analyses.types import Analysis, Parameters, Stage
from pipeline.catalog import by_analysis, step_ms
from pipeline.detect import text_boxes, text_reading
from pipeline.media.types import FrameIndex, MediaInfo
from pipeline.models.types import Models

OPERATION = by_analysis("text")


class TextAnalysis:
    """Lines and words; a request's filters are applied by the aggregator, so that all requests share the stages."""

    def models(self) -> Sequence[str]:
        """The detector of lines and the recogniser."""
        return (text_boxes.MODEL, text_reading.MODEL)

    def stages(self, parameters: Sequence[Parameters], models: Models) -> Sequence[Stage]:
        """The same two stages for any filters."""
        steps = sorted({step_ms(OPERATION, each) for each in parameters})
        return [stage(models, step) for step in steps for stage in (text_box_stage, text_stage)]

    def aggregator(
        self, parameters: Parameters, media: MediaInfo, index: FrameIndex, galleries: Galleries
    ) -> Aggregator:
        """A timeline with the request's filters; MinConfidence is 80 where it names none."""
        del media, index, galleries
        return TextTimeline(f"text-{step_ms(OPERATION, parameters)}ms", text_filter(parameters.get("Filters") or {}))


ANALYSIS: Analysis = TextAnalysis()
