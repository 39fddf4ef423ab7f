"""Text over time: GetTextDetection's items.

The filters of a request are about words. A line is what is left of it: its text, its confidence, its box and its polygon are those of the
words that are kept, and a line of which none is kept is not reported. Of more than 100 words in a frame the first 100 in reading order are
reported. Identifiers count from 0 in every frame, lines first.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.aggregate.boxes import bounding_box, percent
from pipeline.aggregate.regions import Polygon, is_mostly_inside, region_polygons
from pipeline.aggregate.types import Record
from pipeline.detect.types import TextLines
from pipeline.media.types import F32, Timestamp

MODEL_VERSION = "3.0"
MIN_CONFIDENCE = 80.0
MOST_WORDS = 100


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a frame.

    Attributes:
        text: Its characters.
        share: Confidence, 0 to 1.
        quad: (4, 2) float32 ratios, clockwise from where reading begins.
    """

    text: str
    share: float
    quad: F32


@dataclass(frozen=True, slots=True)
class TextFilter:
    """The Filters of a request.

    Attributes:
        confidence: Least confidence of a word, 0 to 100.
        width: Least width of a word's bounding box, as a ratio of the frame's.
        height: Least height.
        regions: More than half of a word must lie in one of these polygons; none: anywhere.
    """

    confidence: float = MIN_CONFIDENCE
    width: float = 0.0
    height: float = 0.0
    regions: Sequence[Polygon] = ()

    def keeps(self, word: Word) -> bool:
        """Whether the word is to be reported."""
        width, height = np.ptp(word.quad, axis=0)
        if percent(word.share) < self.confidence or width < self.width or height < self.height:
            return False
        corners = [(float(x), float(y)) for x, y in word.quad]
        return not self.regions or any(is_mostly_inside(corners, region) for region in self.regions)


def text_filter(filters: Mapping[str, Any]) -> TextFilter:
    """The filter that a request's Filters say; MinConfidence is 80 where they name none."""
    words = filters.get("WordFilter") or {}
    return TextFilter(
        confidence=float(words.get("MinConfidence", MIN_CONFIDENCE)),
        width=float(words.get("MinBoundingBoxWidth", 0.0)),
        height=float(words.get("MinBoundingBoxHeight", 0.0)),
        regions=region_polygons(filters.get("RegionsOfInterest") or ()),
    )


@dataclass(frozen=True, slots=True)
class TextTimeline:
    """Lines and words of every sample.

    Attributes:
        text: Key of the stage that reads.
        chosen: The request's filters.
    """

    text: str
    chosen: TextFilter

    def add(self, index: int, timestamp: Timestamp, found: Mapping[str, Any]) -> Iterator[Record]:
        """The lines of this sample in reading order, then their words."""
        del index
        lines: TextLines | None = found.get(self.text)
        for detection in text_detections(lines, self.chosen) if lines is not None else ():
            body = {"Timestamp": timestamp.millis, "TextDetection": detection}
            yield Record(body, timestamp.millis, confidence=detection["Confidence"])

    def finish(self, end: Timestamp) -> Iterator[Record]:
        """Nothing: all text is reported at once."""
        del end
        return iter(())

    def summary(self) -> Mapping[str, Any]:
        """The version of what reads."""
        return {"TextModelVersion": MODEL_VERSION}


def text_detections(lines: TextLines, chosen: TextFilter) -> list[dict[str, Any]]:
    """The TextDetections of one picture."""
    kept = limited([[word for word in line if chosen.keeps(word)] for line in in_reading_order(words_of(lines))])
    answer = [_detection(identifier, line) for identifier, line in enumerate(kept)]
    for parent, line in enumerate(kept):
        answer += [_detection(len(answer) + k, [word], parent) for k, word in enumerate(line)]
    return answer


def words_of(lines: TextLines) -> list[list[Word]]:
    """The words line by line."""
    ends = np.cumsum(lines.lengths)
    texts = ["".join(map(chr, part)) for part in np.split(lines.characters, ends[:-1])]
    words = [
        Word(text, float(share), quad)
        for text, share, quad in zip(texts[: len(ends)], lines.confidences, lines.word_quads, strict=True)
    ]
    stops = np.cumsum(lines.word_counts).tolist()
    return [words[begin:stop] for begin, stop in zip([0, *stops], stops, strict=False)]


def in_reading_order(lines: Sequence[Sequence[Word]]) -> list[Sequence[Word]]:
    """The lines from top to bottom; lines side by side, of which one's middle is at the other's height, from left to right."""
    rows: list[list[Sequence[Word]]] = []
    for line in sorted(lines, key=_middle):
        if rows and _extent(rows[-1][0])[0] <= _middle(line) <= _extent(rows[-1][0])[1]:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=_left)]


def limited(lines: Sequence[Sequence[Word]]) -> list[Sequence[Word]]:
    """The lines with their first 100 words altogether, without empty ones."""
    kept: list[Sequence[Word]] = []
    room = MOST_WORDS
    for line in lines:
        if line and room:
            kept.append(line[:room])
            room -= len(kept[-1])
    return kept


def _extent(line: Sequence[Word]) -> tuple[float, float]:
    """Top and bottom."""
    heights = [y for word in line for y in word.quad[:, 1].tolist()]
    return min(heights), max(heights)


def _middle(line: Sequence[Word]) -> float:
    return sum(_extent(line)) / 2


def _left(line: Sequence[Word]) -> float:
    return min(float(word.quad[:, 0].min()) for word in line)


def _detection(identifier: int, words: Sequence[Word], parent: int | None = None) -> dict[str, Any]:
    """A line of these words, or one word of the line `parent`."""
    first, last = words[0].quad, words[-1].quad
    corners = np.stack([first[0], last[1], last[2], first[3]])
    low, high = corners.min(axis=0), corners.max(axis=0)
    share = np.average([word.share for word in words], weights=[len(word.text) for word in words])
    return {
        "DetectedText": " ".join(word.text for word in words),
        "Type": "LINE" if parent is None else "WORD",
        "Id": identifier,
        **({} if parent is None else {"ParentId": parent}),
        "Confidence": percent(float(share)),
        "Geometry": {
            "BoundingBox": bounding_box([*low, *(high - low)]),
            "Polygon": [{"X": round(float(x), 6), "Y": round(float(y), 6)} for x, y in corners],
        },
    }
