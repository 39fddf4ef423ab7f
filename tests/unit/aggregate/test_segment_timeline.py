"""GetSegmentDetection's items, in the shape of the published sample."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from pipeline.aggregate.feed import feed
from pipeline.aggregate.segments import SegmentTimeline
from pipeline.aggregate.types import NoGalleries, Record
from pipeline.analyses.segments import (
    ANALYSIS,
    LAYOUT_STAGE,
    SHOT_STAGE,
    SOUND_STAGE,
    TEXT_BOX_STAGE,
    TEXT_STAGE,
    request_of,
)
from pipeline.detect.luma import BlackLuma, stage_key
from pipeline.detect.shots import ShotTransitions
from pipeline.detect.types import Values
from pipeline.media.types import AudioInfo, FrameIndex, MediaInfo

NTSC = Fraction(30000, 1001)
FRAMES = 450
MEDIA = MediaInfo(
    codec="h264",
    format="QuickTime / MOV",
    width=1280,
    height=720,
    rotation=0,
    sample_aspect_ratio=Fraction(1),
    frame_rate=NTSC,
    constant_rate=True,
    frame_count=FRAMES,
    duration_ms=15015,
    color_range="LIMITED",
    time_base=Fraction(1, 30000),
    start_pts=0,
    stream_index=0,
    audio=(AudioInfo("aac", 2, 48000, 15015),),
    size_bytes=1,
)
INDEX = FrameIndex(np.arange(FRAMES) * 1001, np.array([0]), Fraction(1, 30000))
BOTH: dict[str, Any] = {"SegmentTypes": ["TECHNICAL_CUE", "SHOT"]}


class _Models:
    """Has the models of the analysis, which are never asked."""

    def load(self, name: str) -> Any:
        assert name in ANALYSIS.models()
        return object()


def answer(
    parameters: dict[str, Any],
    *,
    cut: float = 1.0,
    media: MediaInfo = MEDIA,
    index: FrameIndex = INDEX,
    loud: range = range(0),
) -> tuple[list[Record], SegmentTimeline]:
    """A cut after frame 299, frames 100 to 149 black, sound in the frames `loud`."""
    timeline = ANALYSIS.aggregator(parameters, media, index, NoGalleries())
    shots = [(frame, Values(np.float32((cut if frame == 299 else 0, 0)))) for frame in range(FRAMES)]
    dark = [(frame, Values(np.float32((1, 0, 0) if 100 <= frame < 150 else (0, 1, 1)))) for frame in range(FRAMES)]
    sound = [(frame, Values(np.float32((-20, -10) if frame in loud else (-90, -80)))) for frame in range(FRAMES)]
    found = {SHOT_STAGE: shots, stage_key(0.2): dark, SOUND_STAGE: sound}
    return list(feed(timeline, index, media, found)), timeline


def test_shots_look_like_the_published_sample() -> None:
    records, _ = answer({"SegmentTypes": ["SHOT"]})
    assert [record.body for record in records] == [
        {
            "Type": "SHOT",
            "StartTimestampMillis": 0,
            "EndTimestampMillis": 9976,
            "DurationMillis": 9976,
            "StartTimecodeSMPTE": "00:00:00;00",
            "EndTimecodeSMPTE": "00:00:09;29",
            "DurationSMPTE": "00:00:09;29",
            "StartFrameNumber": 0,
            "EndFrameNumber": 299,
            "DurationFrames": 299,
            "ShotSegment": {"Index": 0, "Confidence": 100.0},
        },
        {
            "Type": "SHOT",
            "StartTimestampMillis": 10010,
            "EndTimestampMillis": 14981,
            "DurationMillis": 4971,
            "StartTimecodeSMPTE": "00:00:10;00",
            "EndTimecodeSMPTE": "00:00:14;29",
            "DurationSMPTE": "00:00:04;29",
            "StartFrameNumber": 300,
            "EndFrameNumber": 449,
            "DurationFrames": 149,
            "ShotSegment": {"Index": 1, "Confidence": 100.0},
        },
    ]


@pytest.mark.parametrize("types", [["TECHNICAL_CUE", "SHOT"], ["SHOT", "TECHNICAL_CUE"]])
def test_types_come_in_the_order_of_the_request(types: list[str]) -> None:
    records, timeline = answer({"SegmentTypes": types})
    in_order = sorted(records, key=lambda record: (record.index, record.timestamp_ms))
    assert in_order == records
    assert list(dict.fromkeys(record.body["Type"] for record in records)) == types
    assert timeline.summary()["SelectedSegmentTypes"] == [{"Type": kind, "ModelVersion": "1.0"} for kind in types]


def test_black_frames_are_cues_and_audio_is_described() -> None:
    records, timeline = answer({"SegmentTypes": ["TECHNICAL_CUE"]})
    before, cue, after = (record.body for record in records)
    assert [each["TechnicalCueSegment"]["Type"] for each in (before, after)] == ["Content", "Content"]
    assert (before["EndFrameNumber"], after["StartFrameNumber"]) == (99, 150)
    assert cue["TechnicalCueSegment"] == {"Type": "BlackFrames", "Confidence": 100.0}
    assert (cue["StartFrameNumber"], cue["EndFrameNumber"], cue["DurationFrames"]) == (100, 149, 49)
    assert timeline.summary()["AudioMetadata"] == [
        {"Codec": "aac", "DurationMillis": 15015, "SampleRate": 48000, "NumberOfChannels": 2}
    ]


def test_black_frames_with_sound_are_content_and_reported_with_less_confidence() -> None:
    request = {"SegmentTypes": ["TECHNICAL_CUE"]}
    records = answer(request, loud=range(90, 130))[0]
    assert [r.body["TechnicalCueSegment"]["Type"] for r in records] == ["Content", "BlackFrames"]
    assert (records[0].body["StartFrameNumber"], records[0].body["EndFrameNumber"]) == (0, FRAMES - 1)
    assert records[1].confidence == pytest.approx(70)
    least = {"Filters": {"TechnicalCueFilter": {"MinSegmentConfidence": 75}}}
    assert len(answer(request | least, loud=range(90, 130))[0]) == 1


def test_sound_that_dies_away_leaves_the_limits_to_the_picture() -> None:
    records, _ = answer({"SegmentTypes": ["TECHNICAL_CUE"]}, loud=range(110))
    black = next(r for r in records if r.body["TechnicalCueSegment"]["Type"] == "BlackFrames")
    assert (black.body["StartFrameNumber"], black.body["EndFrameNumber"]) == (100, 149)
    assert black.confidence == pytest.approx(90)
    least = {"Filters": {"TechnicalCueFilter": {"MinSegmentConfidence": 95}}}
    assert answer({"SegmentTypes": ["TECHNICAL_CUE"]} | least, loud=range(110))[0] == []


def test_confidence_filters_apply_to_their_own_type() -> None:
    filters = {"Filters": {"ShotFilter": {"MinSegmentConfidence": 80}}}
    records, _ = answer(BOTH | filters, cut=0.5)
    assert {record.body["Type"] for record in records} == {"TECHNICAL_CUE"}
    assert len(answer(BOTH, cut=0.5)[0]) == len(records) + 2


def test_a_varying_rate_counts_timecodes_by_time() -> None:
    index = FrameIndex(INDEX.pts * 2, INDEX.keyframes, INDEX.time_base)
    media = replace(MEDIA, constant_rate=False)
    records, _ = answer({"SegmentTypes": ["SHOT"]}, media=media, index=index)
    assert records[1].body["StartTimecodeSMPTE"] == "00:00:20;00"
    assert records[1].body["StartFrameNumber"] == 300


def test_only_the_stages_of_the_requested_types_run() -> None:
    def detectors(*requests: dict[str, Any]) -> dict[str, Any]:
        return {stage.key: stage.detector for stage in ANALYSIS.stages(requests, _Models())}

    assert set(detectors({"SegmentTypes": ["SHOT"]})) == {"shots"}
    assert isinstance(detectors({"SegmentTypes": ["SHOT"]})["shots"], ShotTransitions)
    cues = detectors({"SegmentTypes": ["TECHNICAL_CUE"]})
    assert set(cues) == {"luma-0.2", LAYOUT_STAGE, SOUND_STAGE, TEXT_BOX_STAGE, TEXT_STAGE}
    assert cues["luma-0.2"] == BlackLuma(0.2, 0.99)
    loose = {"Filters": {"TechnicalCueFilter": {"BlackFrame": {"MinCoveragePercentage": 50}}}}
    strict = {"Filters": {"TechnicalCueFilter": {"BlackFrame": {"MaxPixelThreshold": 0.1}}}}
    shared = detectors(BOTH, BOTH | loose, BOTH | strict)
    assert shared["luma-0.2"] == BlackLuma(0.2, 0.5)
    assert shared["luma-0.1"] == BlackLuma(0.1, 0.99)
    assert set(shared) == {*cues, "luma-0.1", "shots"}


def test_without_a_filter_the_documented_defaults_hold() -> None:
    request = request_of({"SegmentTypes": ["SHOT", "SHOT"], "Filters": {"TechnicalCueFilter": {}}})
    assert request.types == ("SHOT",)
    assert (request.shot_confidence, request.cue_confidence) == (50, 50)
    assert (request.black.threshold, request.black.coverage, request.black.formula_only) == (0.2, 0.99, False)
