"""Segments of a video: shots, and black frames as technical cues; GetSegmentDetection's items.

As in Rekognition's published sample, a segment's end is the number and the time of its last frame, and its duration is the
difference of end and start. Confidences stay within 50 to 100, the range the API knows.

Rekognition reports black frames only where the sound is silent. Sound is not decoded yet, so here the picture alone decides.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.aggregate.black import BlackRule, black_stretches
from pipeline.aggregate.shots import shots
from pipeline.aggregate.types import Record
from pipeline.detect.types import Values
from pipeline.media.timecode import smpte
from pipeline.media.types import F32, FrameIndex, MediaInfo, Timestamp

SHOT, TECHNICAL_CUE = "SHOT", "TECHNICAL_CUE"
MODEL_VERSION = "1.0"
LEAST_CONFIDENCE = 50.0


@dataclass(frozen=True, slots=True)
class SegmentRequest:
    """What a request asks for.

    Attributes:
        types: Segment types in the order of the request, each once.
        shot_confidence: Least confidence of a shot, 50 to 100.
        cue_confidence: Least confidence of a technical cue.
        black: Which frames count as black.
    """

    types: tuple[str, ...]
    shot_confidence: float = LEAST_CONFIDENCE
    cue_confidence: float = LEAST_CONFIDENCE
    black: BlackRule = field(default_factory=BlackRule)


class SegmentTimeline:
    """Collects a few numbers per frame and cuts the video into segments at its end."""

    def __init__(
        self, request: SegmentRequest, media: MediaInfo, index: FrameIndex, shot_stage: str, black_stage: str
    ) -> None:
        self._request = request
        self._media = media
        self._index = index
        count = len(index.pts)
        self._values: dict[str, F32] = {
            shot_stage: np.zeros((count, 2), np.float32),
            black_stage: np.zeros((count, 3), np.float32),
        }
        self._parts = {SHOT: (self._shots, shot_stage), TECHNICAL_CUE: (self._cues, black_stage)}

    def add(self, index: int, timestamp: Timestamp, found: Mapping[str, Values]) -> Iterable[Record]:
        """Nothing yet: segments are known at the end."""
        del timestamp
        for stage, measured in found.items():
            if stage in self._values:
                self._values[stage][index] = measured.values
        return ()

    def finish(self, end: Timestamp) -> Iterator[Record]:
        """The segments: by type in the order of the request, then in time order."""
        del end
        for rank, kind in enumerate(self._request.types):
            make, stage = self._parts[kind]
            for body, confidence in make(self._values[stage]):
                yield Record(body, body["StartTimestampMillis"], confidence=confidence, index=rank)

    def summary(self) -> Mapping[str, Any]:
        """The types that were asked for, and the audio streams."""
        return {
            "SelectedSegmentTypes": [{"Type": kind, "ModelVersion": MODEL_VERSION} for kind in self._request.types],
            "AudioMetadata": audio_metadata(self._media),
        }

    def _shots(self, values: F32) -> Iterator[tuple[dict[str, Any], float]]:
        for number, shot in enumerate(shots(values[:, 0], values[:, 1])):
            if shot.confidence >= self._request.shot_confidence:
                body = self._body(SHOT, shot.start, shot.end)
                yield body | {"ShotSegment": {"Index": number, "Confidence": shot.confidence}}, shot.confidence

    def _cues(self, values: F32) -> Iterator[tuple[dict[str, Any], float]]:
        for cue in black_stretches(values, self._request.black):
            if cue.confidence >= self._request.cue_confidence:
                body = self._body(TECHNICAL_CUE, cue.start, cue.end)
                segment = {"Type": "BlackFrames", "Confidence": cue.confidence}
                yield body | {"TechnicalCueSegment": segment}, cue.confidence

    def _body(self, kind: str, start: int, end: int) -> dict[str, Any]:
        """What all segments have; both frames belong to the segment."""
        begin, last = self._index.timestamp(start), self._index.timestamp(end)
        codes = [self._timecode_frame(frame) for frame in (start, end)]
        rate = self._media.frame_rate
        return {
            "Type": kind,
            "StartTimestampMillis": begin.millis,
            "EndTimestampMillis": last.millis,
            "DurationMillis": last.millis - begin.millis,
            "StartTimecodeSMPTE": smpte(codes[0], rate),
            "EndTimecodeSMPTE": smpte(codes[1], rate),
            "DurationSMPTE": smpte(codes[1] - codes[0], rate),
            "StartFrameNumber": start,
            "EndFrameNumber": end,
            "DurationFrames": end - start,
        }

    def _timecode_frame(self, frame: int) -> int:
        """The frame number that a timecode counts: by time where the rate varies."""
        if self._media.constant_rate:
            return frame
        return int(self._index.timestamp(frame).seconds * self._media.frame_rate)


def audio_metadata(media: MediaInfo) -> Sequence[Mapping[str, Any]]:
    """AudioMetadata of the answer."""
    return [
        {
            "Codec": stream.codec,
            "DurationMillis": stream.duration_ms,
            "SampleRate": stream.sample_rate,
            "NumberOfChannels": stream.channels,
        }
        for stream in media.audio
    ]
