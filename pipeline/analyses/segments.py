"""Segment detection: shots and technical cues on every frame, the text of credits and slates near the ends of the video."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pipeline.aggregate.black import BlackRule
from pipeline.aggregate.segments import (
    LEAST_CONFIDENCE,
    SHOT,
    TECHNICAL_CUE,
    SegmentRequest,
    SegmentStages,
    SegmentTimeline,
)
from pipeline.aggregate.types import Galleries
from pipeline.analyses.stages import text_box_stage, text_stage
from pipeline.analyses.types import Parameters, Stage
from pipeline.detect import shots, text_boxes, text_reading
from pipeline.detect.layout import FrameLayout
from pipeline.detect.luma import DEFAULT_MAX_PIXEL_THRESHOLD, DEFAULT_MIN_COVERAGE, BlackLuma, stage_key
from pipeline.detect.sound import SoundLevels
from pipeline.detect.text_lines import EPOCH
from pipeline.media.types import EveryAtEnds, EveryFrame, FrameIndex, MediaInfo
from pipeline.models.types import Models

SHOT_STAGE, LAYOUT_STAGE, SOUND_STAGE = "shots", "layout", "sound"
TEXT_STEP_MS = 500
ENDS = EveryAtEnds(TEXT_STEP_MS, share=0.15, least_ms=60_000, most_ms=15 * 60_000, group=EPOCH)
"""Where slates and credits are looked for: the first and last nine minutes of an hour, all of a clip of two minutes.

What is read depends on what was read before in the same epoch; whole epochs are read alike when text is detected everywhere, too.
"""
TEXT_BOX_STAGE, TEXT_STAGE = f"text-boxes-{TEXT_STEP_MS}ms-ends", f"text-{TEXT_STEP_MS}ms-ends"


def request_of(parameters: Parameters) -> SegmentRequest:
    """What the members of a StartSegmentDetection request ask for."""
    filters = parameters.get("Filters") or {}
    cues = filters.get("TechnicalCueFilter") or {}
    return SegmentRequest(
        types=tuple(dict.fromkeys(parameters["SegmentTypes"])),
        shot_confidence=(filters.get("ShotFilter") or {}).get("MinSegmentConfidence", LEAST_CONFIDENCE),
        cue_confidence=cues.get("MinSegmentConfidence", LEAST_CONFIDENCE),
        black=_black_rule(cues.get("BlackFrame")),
    )


def _black_rule(wanted: Parameters | None) -> BlackRule:
    if wanted is None:
        return BlackRule()
    return BlackRule(
        threshold=wanted.get("MaxPixelThreshold", DEFAULT_MAX_PIXEL_THRESHOLD),
        coverage=wanted.get("MinCoveragePercentage", 100 * DEFAULT_MIN_COVERAGE) / 100,
        formula_only=True,
    )


class SegmentAnalysis:
    """StartSegmentDetection, GetSegmentDetection."""

    def models(self) -> Sequence[str]:
        """The shot detector, and the detector and reader of text."""
        return (shots.MODEL, text_boxes.MODEL, text_reading.MODEL)

    def stages(self, parameters: Sequence[Parameters], models: Models) -> Sequence[Stage]:
        """Only what the requested segment types need; black evidence once per distinct threshold."""
        requests = [request_of(each) for each in parameters]
        stages = []
        if any(SHOT in request.types for request in requests):
            stages.append(Stage(SHOT_STAGE, shots.ShotTransitions(models.load(shots.MODEL)), EveryFrame()))
        if rules := [request.black for request in requests if TECHNICAL_CUE in request.types]:
            stages += [Stage(detector.key, detector, EveryFrame()) for detector in _black_detectors(rules)]
            stages += [
                Stage(LAYOUT_STAGE, FrameLayout(), EveryFrame()),
                Stage(SOUND_STAGE, SoundLevels(), EveryFrame()),
            ]
            stages += _text_stages(models)
        return stages

    def aggregator(
        self, parameters: Parameters, media: MediaInfo, index: FrameIndex, galleries: Galleries
    ) -> SegmentTimeline:
        """The segments of one request."""
        del galleries
        request = request_of(parameters)
        black, dark = stage_key(request.black.threshold), stage_key(DEFAULT_MAX_PIXEL_THRESHOLD)
        stages = SegmentStages(SHOT_STAGE, black, dark, LAYOUT_STAGE, SOUND_STAGE, TEXT_STAGE)
        return SegmentTimeline(request, media, index, stages)


def _black_detectors(rules: Iterable[BlackRule]) -> list[BlackLuma]:
    """One detector per threshold, exact down to the least coverage that is asked for; always one with the default rule."""
    least: dict[float, float] = {}
    for rule in (BlackRule(), *rules):
        least[rule.threshold] = min(rule.coverage, least.get(rule.threshold, 1.0))
    return [BlackLuma(threshold, coverage) for threshold, coverage in least.items()]


def _text_stages(models: Models) -> list[Stage]:
    """The stages of text detection, on fewer frames."""
    boxes = replace(text_box_stage(models, TEXT_STEP_MS), key=TEXT_BOX_STAGE, sampling=ENDS)
    return [boxes, replace(text_stage(models, TEXT_STEP_MS), key=TEXT_STAGE, sampling=ENDS, needs=TEXT_BOX_STAGE)]


ANALYSIS = SegmentAnalysis()
