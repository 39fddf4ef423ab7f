"""Person tracking, five times a second unless the operator sets another step."""

from collections.abc import Sequence

from pipeline.aggregate.persons import Keys, PersonTimeline
from pipeline.aggregate.types import Aggregator, Galleries
from pipeline.analyses.stages import appearance_stage, face_stage, object_stage
from pipeline.analyses.types import Analysis, Parameters, Stage
from pipeline.catalog import by_analysis, step_ms
from pipeline.detect import faces, objects
from pipeline.media.types import FrameIndex, MediaInfo
from pipeline.models.types import Models

OPERATION = by_analysis("persons")


def keys(step: int) -> Keys:
    """The stages at a step in milliseconds."""
    return Keys(f"objects-{step}ms", f"looks-{step}ms", f"faces-{step}ms")


class PersonAnalysis:
    """People with one index through the whole video, and their faces where they are seen."""

    def models(self) -> Sequence[str]:
        """The object detector and the face detector."""
        return (objects.MODEL, faces.MODEL)

    def stages(self, parameters: Sequence[Parameters], models: Models) -> Sequence[Stage]:
        """Three stages for each step that is asked for."""
        steps = sorted({step_ms(OPERATION, each) for each in parameters})
        made = [(object_stage(models, s), appearance_stage(s), face_stage(models, s)) for s in steps]
        return [stage for stages in made for stage in stages]

    def aggregator(
        self, parameters: Parameters, media: MediaInfo, index: FrameIndex, galleries: Galleries
    ) -> Aggregator:
        """One item per person and sample."""
        del index, galleries
        aspect = float(media.sample_aspect_ratio * media.width / media.height)
        return PersonTimeline(keys(step_ms(OPERATION, parameters)), aspect)


ANALYSIS: Analysis = PersonAnalysis()
