"""Person tracking, five times a second unless the operator sets another step."""

from collections.abc import Sequence

from pipeline.aggregate.persons import Keys, PersonTimeline
from pipeline.aggregate.types import Aggregator, Galleries
from pipeline.analyses.stages import appearance_stage, embedding_stage, face_stage, object_stage
from pipeline.analyses.types import Analysis, Parameters, Stage
from pipeline.catalog import by_analysis, step_ms
from pipeline.detect import embeddings, objects
from pipeline.media.types import FrameIndex, MediaInfo
from pipeline.models.types import Models

OPERATION = by_analysis("persons")
IDENTITY_MS = 1000
"""Faces are embedded in the first of the samples of so long only: that is dear, and a face says the same from one sample to the next."""


def keys(step: int) -> Keys:
    """The stages at a step in milliseconds."""
    return Keys(f"objects-{step}ms", f"looks-{step}ms", f"faces-{step}ms", f"face-embeddings-{identity(step)}ms")


def identity(step: int) -> int:
    """Milliseconds from one embedding of faces to the next: a multiple of the step."""
    return step * max(1, IDENTITY_MS // step)


class PersonAnalysis:
    """People with one index through the whole video, and their faces where they are seen."""

    def models(self) -> Sequence[str]:
        """The object detector, the face detector, and what tells faces apart."""
        return (objects.MODEL, *embeddings.MODELS)

    def stages(self, parameters: Sequence[Parameters], models: Models) -> Sequence[Stage]:
        """Five stages for each step that is asked for."""
        steps = sorted({step_ms(OPERATION, each) for each in parameters})
        return [stage for step in steps for stage in _stages(models, step)]

    def aggregator(
        self, parameters: Parameters, media: MediaInfo, index: FrameIndex, galleries: Galleries
    ) -> Aggregator:
        """One item per person and sample."""
        del index, galleries
        return PersonTimeline(keys(step_ms(OPERATION, parameters)), media.aspect)


def _stages(models: Models, step: int) -> Sequence[Stage]:
    return (
        object_stage(models, step),
        appearance_stage(step),
        face_stage(models, step),
        face_stage(models, identity(step)),
        embedding_stage(models, identity(step)),
    )


ANALYSIS: Analysis = PersonAnalysis()
