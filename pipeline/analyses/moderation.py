"""Content moderation twice a second."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from pipeline.aggregate.evidence import evidence
from pipeline.aggregate.moderation import MIN_CONFIDENCE, ModerationStages, ModerationTimeline, judged
from pipeline.aggregate.types import Aggregator, Galleries
from pipeline.analyses.stages import (
    counting_explicit_stage,
    explicit_stage,
    object_stage,
    part_stage,
    second_tag_stage,
    tag_stage,
)
from pipeline.analyses.types import Analysis, Parameters, Stage
from pipeline.catalog import by_analysis, step_ms
from pipeline.detect import body_parts, explicit, objects, tags
from pipeline.detect.types import Detections, Tags, Values
from pipeline.media.types import FrameIndex, MediaInfo
from pipeline.models.types import Models

OPERATION = by_analysis("moderation")
SLACK = 0.001
"""Of a confidence, 0 to 1: more than rounding adds."""


class ModerationAnalysis:
    """Labels mapped to Rekognition's categories, two classifiers of explicit pictures, and NudeNet where it is pulled and accepted."""

    def models(self) -> Sequence[str]:
        """Those of label detection, and the classifiers."""
        return (objects.MODEL, tags.MODEL, tags.SECOND_MODEL, *explicit.MODELS)

    def stages(self, parameters: Sequence[Parameters], models: Models) -> Sequence[Stage]:
        """The same stages for any MinConfidence, but that the dearest model is asked where its word may count with the lowest of them."""
        least = min(map(_confidence, parameters), default=0.0) / 100 - SLACK
        kinds: list[Callable[[Models, int], Stage]] = [object_stage, tag_stage, second_tag_stage]
        if models.has(body_parts.MODEL):  # either classifier alone confirms parts of bodies
            kinds += [explicit_stage, part_stage]
        else:
            kinds.append(partial(counting_explicit_stage, counts=partial(may_count, least)))
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
        return ModerationTimeline(stages, _confidence(parameters))


def may_count(least: float, found: Detections, tagged: Sequence[Tags], unsafe: float) -> bool:
    """Whether a category may be as sure as `least`, 0 to 1, whatever the classifier of five classes says; without one, nothing is reported.

    Args:
        least: Of what is reported, less what rounding may add.
        found: The objects of the frame.
        tagged: What both taggers see.
        unsafe: What the classifier of two classes says, 0 to 1.
    """
    most = judged(evidence(found, tagged).labels, Values(np.array([0, 0, 0, 1, 1, unsafe], np.float32)), None)
    return max(most.values(), default=0.0) >= least


def _confidence(parameters: Parameters) -> float:
    return float(parameters.get("MinConfidence", MIN_CONFIDENCE))


ANALYSIS: Analysis = ModerationAnalysis()
