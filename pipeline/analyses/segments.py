"""Segment detection: shots and technical cues on every frame."""

from collections.abc import Iterable, Sequence

from pipeline.aggregate.black import BlackRule
from pipeline.aggregate.segments import LEAST_CONFIDENCE, SHOT, TECHNICAL_CUE, SegmentRequest, SegmentTimeline
from pipeline.aggregate.types import Galleries
from pipeline.analyses.types import Parameters, Stage
from pipeline.detect.luma import DEFAULT_MAX_PIXEL_THRESHOLD, DEFAULT_MIN_COVERAGE, BlackLuma, stage_key
from pipeline.detect.shots import MODEL, ShotTransitions
from pipeline.media.types import EveryFrame, FrameIndex, MediaInfo
from pipeline.models.types import Models

SHOT_STAGE = "shots"


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
        """The shot detector."""
        return (MODEL,)

    def stages(self, parameters: Sequence[Parameters], models: Models) -> Sequence[Stage]:
        """Only what the requested segment types need; black evidence once per distinct threshold."""
        requests = [request_of(each) for each in parameters]
        stages = [Stage(detector.key, detector, EveryFrame()) for detector in _black_detectors(requests)]
        if any(SHOT in request.types for request in requests):
            stages.append(Stage(SHOT_STAGE, ShotTransitions(models.load(MODEL)), EveryFrame()))
        return stages

    def aggregator(
        self, parameters: Parameters, media: MediaInfo, index: FrameIndex, galleries: Galleries
    ) -> SegmentTimeline:
        """The segments of one request."""
        del galleries
        request = request_of(parameters)
        return SegmentTimeline(request, media, index, SHOT_STAGE, stage_key(request.black.threshold))


def _black_detectors(requests: Iterable[SegmentRequest]) -> list[BlackLuma]:
    """One detector per threshold, exact down to the least coverage that is asked for."""
    least: dict[float, float] = {}
    for request in requests:
        if TECHNICAL_CUE in request.types:
            rule = request.black
            least[rule.threshold] = min(rule.coverage, least.get(rule.threshold, 1.0))
    return [BlackLuma(threshold, coverage) for threshold, coverage in least.items()]


ANALYSIS = SegmentAnalysis()
