"""How explicit whole frames look, by two classifiers that were trained apart.

Sources: nsfwjs' Inception v3 (classes drawing, hentai, neutral, porn, sexy; its published preparation: stretched to 299, 0 to 1); Yahoo's
Open-NSFW (BGR less the means of its training set), the whole frame stretched instead of cropped to its middle, so that the edges count.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.detect.types import Values
from pipeline.media.types import F32, U8, Frame
from pipeline.models.types import Session

MODEL = "moderation-nsfw"
SECOND_MODEL = "moderation-open-nsfw"
MODELS = (MODEL, SECOND_MODEL)
SIDE, SECOND_SIDE = 299, 224
MEANS = np.array([104, 117, 123], np.float32)
"""Blue, green, red."""
DRAWING, HENTAI, NEUTRAL, PORN, SEXY, NSFW = range(6)
"""Places of the values: five probabilities of the first classifier that add up to 1, and the second one's probability of "nsfw"."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A frame made ready.

    Attributes:
        pixels: (299, 299, 3) RGB.
        second: (224, 224, 3) RGB.
    """

    pixels: U8
    second: U8


@dataclass(frozen=True, slots=True)
class ExplicitDetector:
    """(6,) values per frame, 0 to 1, at the places named above.

    Attributes:
        session: The classifier of five classes.
        second: The classifier of two.
        batch: Frames per call of `detect`, at most.
    """

    session: Session
    second: Session
    batch: int = 1

    def prepare(self, frame: Frame) -> Prepared:
        """The stretched frame in both sizes."""
        return Prepared(frame.rgb(SIDE, SIDE), frame.rgb(SECOND_SIDE, SECOND_SIDE))

    def detect(self, prepared: Sequence[Prepared]) -> Sequence[Values]:
        """One answer per prepared frame."""
        pictures = np.stack([each.pixels for each in prepared]).astype(np.float32) / 255
        (classes,) = self.session.run({"image": pictures})
        mirrored: F32 = np.stack([each.second[..., ::-1] for each in prepared]).astype(np.float32) - MEANS
        (two,) = self.second.run({"input_0": mirrored})
        both = np.concatenate([classes, two[:, 1:]], axis=1).astype(np.float32)
        return [Values(row) for row in both]
