"""Straightened lines read: PP-OCRv6's recogniser and the decoding of its answers into words.

Source: Graves et al., "Connectionist Temporal Classification", ICML 2006; input as PaddleOCR publishes it beside the weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise

import numpy as np

from pipeline.detect.text_crops import HEIGHT
from pipeline.media.types import F32
from pipeline.models.types import Session

MODEL = "text-lines-ppocrv6-small"
BATCH = 8
BUCKET = 64
NARROWEST = 320
SPACE = " "
LONE = 0.85
"""How much less a line of a single character is worth: on clips without text, nearly all that is read is such."""


@dataclass(frozen=True, slots=True)
class Word:
    """Characters without a space between them.

    Attributes:
        text: The characters.
        confidence: 0 to 1: that all its characters are right, each independently of the others; less for a line of a single one.
        begin: Where it begins along the line, 0 to 1.
        end: Where it ends.
    """

    text: str
    confidence: float
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Spot:
    """One decoded character.

    Attributes:
        character: What it is.
        chance: Highest probability among its steps.
        centre: Middle of its steps, in steps.
    """

    character: str
    chance: float
    centre: float


def spots(chances: F32, characters: Sequence[str]) -> list[Spot]:
    """The characters of the best path through the probabilities (T, C); class 0 is the blank between repeats."""
    best, highest = chances.argmax(axis=1), chances.max(axis=1)
    found, begin = [], 0
    for number, run in groupby(best.tolist()):
        end = begin + len(list(run))
        if number:
            found.append(Spot(characters[number], float(highest[begin:end].max()), (begin + end) / 2))
        begin = end
    return found


def words(line: Sequence[Spot], steps: float) -> list[Word]:
    """The words of a line whose picture took `steps` steps; the outer ones reach to its ends, as its box was found around them."""
    groups = [list(group) for is_space, group in groupby(line, lambda spot: spot.character == SPACE) if not is_space]
    if not groups:
        return []
    half = _pitch(groups) / 2
    gaps = [_gap(left[-1].centre, right[0].centre, half) for left, right in pairwise(groups)]
    begins, ends = [0.0, *(right for _, right in gaps)], [*(left for left, _ in gaps), steps]
    worth = LONE if [len(group) for group in groups] == [1] else 1.0
    return [
        Word(
            text="".join(spot.character for spot in group),
            confidence=worth * float(np.prod([spot.chance for spot in group])),
            begin=begin / steps,
            end=end / steps,
        )
        for group, begin, end in zip(groups, begins, ends, strict=True)
    ]


def _gap(before: float, after: float, half: float) -> tuple[float, float]:
    """Where the space between the centres of two characters, half a character from each, begins and ends."""
    middle = (before + after) / 2
    return min(before + half, middle), max(after - half, middle)


def _pitch(groups: Sequence[Sequence[Spot]]) -> float:
    """Usual distance of neighbouring characters of a word, in steps; where no word has two, half of the least distance of words."""
    inside = [b.centre - a.centre for group in groups for a, b in pairwise(group)]
    between = [right[0].centre - left[-1].centre for left, right in pairwise(groups)]
    return float(np.median(inside)) if inside else min(between, default=0.0) / 2


@dataclass(frozen=True)
class Reader:
    """Reads straightened lines.

    Attributes:
        session: The model; it carries its characters in the metadata `character`, one a line.
    """

    session: Session

    @cached_property
    def characters(self) -> Sequence[str]:
        """What each class of the model stands for."""
        return ["", *self.session.metadata["character"].split("\n"), SPACE]

    def read(self, crops: Sequence[F32]) -> list[list[Word]]:
        """The words of each crop (48, W, 3) of RGB 0 to 255, from left to right."""
        answers: list[list[Word]] = [[] for _ in crops]
        widths = [max(NARROWEST, -(-crop.shape[1] // BUCKET) * BUCKET) for crop in crops]
        for width in sorted(set(widths)):
            places = [place for place, other in enumerate(widths) if other == width]
            for some in (places[k : k + BATCH] for k in range(0, len(places), BATCH)):
                for place, chances in zip(some, self._chances([crops[k] for k in some], width), strict=True):
                    steps = chances.shape[0] * crops[place].shape[1] / width
                    answers[place] = words(spots(chances, self.characters), steps)
        return answers

    def _chances(self, crops: Sequence[F32], width: int) -> F32:
        """(B, T, classes) probabilities."""
        planes = np.zeros((len(crops), 3, HEIGHT, width), np.float32)
        for plane, crop in zip(planes, crops, strict=True):
            plane[:, :, : crop.shape[1]] = crop.transpose(2, 0, 1)[::-1] / 127.5 - 1
        (chances,) = self.session.run({"x": planes})
        return np.asarray(chances, np.float32)
