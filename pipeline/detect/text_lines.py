"""Text of frames: lines are read where they are new or have changed, and carried forward where they have not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pipeline.detect.boxes import picture_size
from pipeline.detect.text_change import Look
from pipeline.detect.text_crops import crop_width, part, reading, straightened
from pipeline.detect.text_reading import Reader, Word
from pipeline.detect.types import Joined, TextBoxes, TextLines
from pipeline.media.types import F32, U8, Frame, Stretch

EPOCH = 128
"""Every so many frames, counted from the video's first, everything is read anew, so that it does not matter where the video is cut."""
SURE = 0.8


class Line(NamedTuple):
    """A line that was read.

    Attributes:
        quad: (4, 2) float32 pixels of the picture, clockwise from where reading begins.
        words: In the order of reading; none where the box holds no text.
    """

    quad: F32
    words: Sequence[Word]


class Held(NamedTuple):
    """A line and what it looked like when it was read."""

    line: Line
    look: Look


@dataclass(frozen=True, slots=True)
class TextLineDetector:
    """Words and lines of frames in which another stage has found `TextBoxes`.

    Attributes:
        reader: The recogniser.
        context: Frames that a walk may have to go back to.
        carries: False: every line is read in every frame.
    """

    reader: Reader
    context: int = EPOCH
    carries: bool = True

    def prepare(self, frame: Frame) -> U8:
        """The picture that crops are cut from."""
        return frame.rgb(*picture_size(frame))

    def open(self, stretch: Stretch, frame_count: int) -> "Walk":
        """A walk from the beginning of the epoch in which the stretch begins."""
        del frame_count
        return Walk(self, stretch)


class Walk:
    """Reads the frames of one stretch in order.

    Attributes:
        lines_read: Boxes that were read so far.
        lines_carried: Boxes whose text was carried forward.
    """

    def __init__(self, detector: TextLineDetector, stretch: Stretch) -> None:
        self._detector = detector
        self._begin = stretch.start // EPOCH * EPOCH
        self._stop = stretch.stop
        self._epoch = -1
        self._held: list[Held] = []
        self.lines_read = 0
        self.lines_carried = 0

    def add(self, index: int, joined: Joined) -> Iterator[tuple[int, TextLines]]:
        """The text of the frame."""
        if not self._begin <= index < self._stop:
            return
        if index // EPOCH != self._epoch or not self._detector.carries:
            self._epoch, self._held = index // EPOCH, []
        self._held = self._seen(joined.prepared, joined.found)
        size = np.array(joined.prepared.shape[1::-1], np.float32)
        yield index, text_lines([held.line for held in self._held], size)

    def finish(self) -> Iterator[tuple[int, TextLines]]:
        """Nothing is left."""
        yield from ()

    def _seen(self, picture: U8, boxes: TextBoxes) -> list[Held]:
        """What is held after this frame, in the boxes' order."""
        quads = [reading(quad) for quad in boxes.quads * np.array(picture.shape[1::-1], np.float32)]
        unchanged = [held for held in self._held if held.look.is_still_in(picture)]
        kept = [next((held for held in unchanged if held.look.frames(quad)), None) for quad in quads]
        fresh = [quad for quad, held in zip(quads, kept, strict=True) if held is None]
        lines = iter(read(self._detector.reader, picture, fresh))
        self.lines_read += len(fresh)
        self.lines_carried += len(quads) - len(fresh)
        return [held or Held(next(lines), Look.of(picture, quad)) for quad, held in zip(quads, kept, strict=True)]


def read(reader: Reader, picture: U8, quads: Sequence[F32]) -> list[Line]:
    """The lines in the quadrilaterals (4, 2), pixels of the picture; what cannot be read with certainty is looked at upside down, too."""
    lines = _read(reader, picture, quads)
    doubtful = [place for place, line in enumerate(lines) if confidence(line.words) < SURE]
    turned = _read(reader, picture, [np.roll(quads[place], 2, axis=0) for place in doubtful])
    for place, other in zip(doubtful, turned, strict=True):
        if confidence(other.words) > max(SURE, confidence(lines[place].words)):
            lines[place] = other
    return lines


def _read(reader: Reader, picture: U8, quads: Sequence[F32]) -> list[Line]:
    found = reader.read([straightened(picture, quad, crop_width(quad)) for quad in quads])
    return [Line(quad, words) for quad, words in zip(quads, found, strict=True)]


def confidence(words: Sequence[Word]) -> float:
    """Of a whole line, 0 to 1: the mean over the characters of its words."""
    lengths = [len(word.text) for word in words]
    return float(np.average([word.confidence for word in words], weights=lengths)) if words else 0.0


def text_lines(lines: Sequence[Line], size: F32) -> TextLines:
    """The lines that hold words, in columns.

    Args:
        lines: With corners in pixels.
        size: (2,) width and height of the picture.
    """
    lines = [line for line in lines if line.words]
    words = [(line.quad, word) for line in lines for word in line.words]
    return TextLines(
        quads=_ratios([line.quad for line in lines], size),
        word_counts=np.array([len(line.words) for line in lines], np.int64),
        word_quads=_ratios([part(quad, word.begin, word.end) for quad, word in words], size),
        confidences=np.array([word.confidence for _, word in words], np.float32),
        lengths=np.array([len(word.text) for _, word in words], np.int64),
        characters=np.array([ord(character) for _, word in words for character in word.text], np.int64),
    )


def _ratios(quads: Sequence[F32], size: F32) -> F32:
    corners = np.array(quads, np.float32).reshape(-1, 4, 2)
    ratios: F32 = np.clip(corners / size, 0, 1)
    return ratios
