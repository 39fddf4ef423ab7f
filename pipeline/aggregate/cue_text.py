"""What the text of a frame says about technical cues: words of slates and of credits, a number of a countdown."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pipeline.detect.types import TextLines
from pipeline.media.types import F32

LEGIBLE_CONFIDENCE, LEGIBLE_CHARACTERS = 0.8, 3
"""What a line must reach to count as text: textures are read now and then, but as single characters or without certainty."""
COUNT_HEIGHT, COUNT_CENTRE = 0.1, 0.2
"""A countdown's number is at least this high, and at most this far from the middle of the picture, both as ratios."""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


SLATE_WORDS = _set(
    "scene take roll slate prod trt duration runtime clock isci adid episode eps series season reel som eom textless"
    " tapes tape programme program client agency product spot szene klappe rolle sendung folge dauer laenge länge"
    " scène prise durée épisode escena toma duración episodio"
)
"""Labels that slates have and credits have not."""
MORE_SLATE_WORDS = _set(
    "title production director camera cameraman date sound audio video format aspect ratio fps version language"
    " stereo mono surround channel channels timecode standard producer company studio job length part frame rate mos"
    " int ext day night sync hd uhd ntsc pal house copyright originator titel regie kamera datum ton titre titulo"
    " título"
)
SURE_CREDIT_WORDS = _set(
    "presents directed produced starring written screenplay cinematography costumes makeup composed executive"
    " associate gaffer choreography narrated regie regisseur drehbuch schnitt darsteller kostüme réalisation"
    " réalisateur scénario décors dirigida guion guión reparto regia sceneggiatura montaggio"
)
CREDIT_WORDS = SURE_CREDIT_WORDS | _set(
    "director directors producer producers production productions writer writers story music composer edited editor"
    " editors photography costume casting cast assistant supervisor coordinator effects animation animators designer"
    " designed mixer stunts grip created soundtrack songs performed thanks pictures film"
    " kamera musik produktion produzent ton maske redaktion musique montage produit distribution dirección música"
    " montaje producción fotografía musiche fotografia produzione"
)
_LONG = tuple(word for word in SURE_CREDIT_WORDS if len(word) >= 7)
"""Words that are known though the next is read as part of them."""
_WORD = re.compile(r"[^\W\d_]{2,}")
_NUMBER = re.compile(r"\d{1,2}")


@dataclass(frozen=True, slots=True)
class TextSample:
    """The text of one frame.

    Attributes:
        frame: Its number.
        lines: Legible lines.
        slate: Words of `SLATE_WORDS`.
        more_slate: Words of `MORE_SLATE_WORDS`.
        credits: Words of `CREDIT_WORDS`.
        counts: Whether nothing but one or two high characters stand in the middle of the picture.
        number: The number they are read as; -1: none.
    """

    frame: int
    lines: int
    slate: frozenset[str]
    more_slate: frozenset[str]
    credits: frozenset[str]
    counts: bool
    number: int = -1

    @property
    def is_slate(self) -> bool:
        """Whether the labels of a slate can be read: two that only slates have, or one and two more."""
        return len(self.slate) >= 2 or (len(self.slate) == 1 and len(self.more_slate) >= 2)


def text_sample(frame: int, found: TextLines) -> TextSample:
    """What the text of a frame says."""
    texts, confidences = texts_of(found)
    sure = (confidences >= LEGIBLE_CONFIDENCE).tolist()
    readable = [text for text, is_sure in zip(texts, sure, strict=True) if is_sure]
    legible = [text.lower() for text in readable if len(text) >= LEGIBLE_CHARACTERS]
    words = frozenset(word for text in legible for word in _WORD.findall(text))
    counts = _counts(texts, found.quads)
    digits = _NUMBER.findall(texts[0]) if counts else ()
    return TextSample(
        frame=frame,
        lines=len(legible),
        slate=words & SLATE_WORDS,
        more_slate=words & MORE_SLATE_WORDS,
        credits=(words & CREDIT_WORDS) | {sure for sure in _LONG for word in words if word.startswith(sure)},
        counts=counts,
        number=int(digits[0]) if digits else -1,
    )


def texts_of(found: TextLines) -> tuple[Sequence[str], F32]:
    """The lines as they read, and (L,) the mean confidence of their characters."""
    characters, lengths = "".join(map(chr, found.characters.tolist())), found.lengths.tolist()
    ends = np.cumsum([0, *lengths]).tolist()
    words = [characters[begin:end] for begin, end in pairwise(ends)]
    texts, confidences, at = [], [], 0
    for count in found.word_counts.tolist():
        texts.append(" ".join(words[at : at + count]))
        confidences.append(np.average(found.confidences[at : at + count], weights=lengths[at : at + count]))
        at += count
    return texts, np.array(confidences, np.float32)


def _counts(texts: Sequence[str], quads: F32) -> bool:
    """Whether one line of one or two letters or digits, high and in the middle, is all the text."""
    if len(texts) != 1 or not 1 <= sum(character.isalnum() for character in texts[0]) <= 2:
        return False
    low, high = quads[0].min(axis=0), quads[0].max(axis=0)
    off = np.abs((low + high) / 2 - 0.5).max()
    return bool(high[1] - low[1] >= COUNT_HEIGHT and off <= COUNT_CENTRE)
