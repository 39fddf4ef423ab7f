"""Segments of a video: shots and technical cues; GetSegmentDetection's items.

As in Rekognition's published sample, a segment's end is the number and the time of its last frame, and its duration is the
difference of end and start. Segments that are less sure than 50, where the range that the API knows begins, are not reported.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.aggregate.black import BlackRule, black_cues, dark_frames, is_silent
from pipeline.aggregate.cue_evidence import CueEvidence
from pipeline.aggregate.cue_text import TextSample, text_sample
from pipeline.aggregate.cues import technical_cues
from pipeline.aggregate.shots import shots
from pipeline.aggregate.types import Record
from pipeline.detect.sound import FLOOR_DBFS
from pipeline.media.timecode import smpte
from pipeline.media.types import F32, I64, FrameIndex, MediaInfo, Timestamp

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


@dataclass(frozen=True, slots=True)
class SegmentStages:
    """Keys of the stages that a timeline is fed from.

    Attributes:
        shots: `Values` of `detect.shots`.
        black: `Values` of `detect.luma`, with the threshold of the request.
        dark: The same with the default threshold.
        layout: `Values` of `detect.layout`.
        sound: `Values` of `detect.sound`.
        text: `TextLines`, of some frames.
    """

    shots: str
    black: str
    dark: str
    layout: str
    sound: str
    text: str


class SegmentTimeline:
    """Collects a few numbers per frame and cuts the video into segments at its end."""

    def __init__(self, request: SegmentRequest, media: MediaInfo, index: FrameIndex, stages: SegmentStages) -> None:
        self._request = request
        self._media = media
        self._index = index
        self._stages = stages
        rows: dict[str, tuple[float, ...]] = {}
        if SHOT in request.types:
            rows[stages.shots] = (0, 0)
        if TECHNICAL_CUE in request.types:
            rows[stages.black] = rows[stages.dark] = (0, 1, 1)
            rows[stages.layout] = (0, 0, 0, 0)
            rows[stages.sound] = (FLOOR_DBFS, FLOOR_DBFS)
        self._values: dict[str, F32] = {
            stage: np.tile(np.array(row, np.float32), (len(index.pts), 1)) for stage, row in rows.items()
        }
        self._texts: list[TextSample] = []

    def add(self, index: int, timestamp: Timestamp, found: Mapping[str, Any]) -> Iterable[Record]:
        """Nothing yet: segments are known at the end."""
        del timestamp
        for stage, measured in found.items():
            if stage in self._values:
                self._values[stage][index] = measured.values
            elif stage == self._stages.text:
                self._texts.append(text_sample(index, measured))
        return ()

    @property
    def measured(self) -> Collection[str]:
        """The stages that measure every frame."""
        return self._values

    def measure(self, stage: str, frames: I64, values: F32) -> None:
        """Takes the values (N, K) of many frames (N,)."""
        if len(frames):
            self._values[stage][frames] = values

    def finish(self, end: Timestamp) -> Iterator[Record]:
        """The segments: by type in the order of the request, then in time order."""
        for rank, kind in enumerate(self._request.types):
            for body, confidence in self._shots() if kind == SHOT else self._cues(float(end.seconds)):
                yield Record(body, body["StartTimestampMillis"], confidence=confidence, index=rank)

    def summary(self) -> Mapping[str, Any]:
        """The types that were asked for, and the audio streams."""
        return {
            "SelectedSegmentTypes": [{"Type": kind, "ModelVersion": MODEL_VERSION} for kind in self._request.types],
            "AudioMetadata": audio_metadata(self._media),
        }

    def _shots(self) -> Iterator[tuple[dict[str, Any], float]]:
        values = self._values[self._stages.shots]
        for number, shot in enumerate(shots(values[:, 0], values[:, 1])):
            if shot.confidence >= self._request.shot_confidence:
                body = self._body(SHOT, shot.start, shot.end)
                yield body | {"ShotSegment": {"Index": number, "Confidence": shot.confidence}}, shot.confidence

    def _cues(self, end_s: float) -> Iterator[tuple[dict[str, Any], float]]:
        levels = self._values[self._stages.sound][:, 0]
        black = black_cues(self._values[self._stages.black], levels, self._request.black)
        silent = [cue for cue in black if is_silent(cue, levels)]
        sounding = [cue for cue in black if not is_silent(cue, levels)]
        cues = technical_cues(self._evidence(end_s), silent) + sounding
        for cue in sorted(cues, key=lambda cue: (cue.start, cue.end)):
            if cue.confidence >= self._request.cue_confidence:
                body = self._body(TECHNICAL_CUE, cue.start, cue.end)
                segment = {"Type": cue.kind, "Confidence": cue.confidence}
                yield body | {"TechnicalCueSegment": segment}, cue.confidence

    def _evidence(self, end_s: float) -> CueEvidence:
        dark = self._values[self._stages.dark]
        seconds = (self._index.pts - self._index.pts[0]) * float(self._index.time_base)
        return CueEvidence(
            seconds=np.append(seconds, max(end_s, float(seconds[-1]))).astype(np.float64),
            layout=self._values[self._stages.layout],
            dark=dark_frames(BlackRule().black(dark)),
            lit=dark[:, 1],
            texts=self._texts,
        )

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
