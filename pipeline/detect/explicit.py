"""How explicit whole frames look, by two classifiers that were trained apart.

Sources: nsfwjs' Inception v3 (classes drawing, hentai, neutral, porn, sexy; its published preparation: stretched to 299, 0 to 1); Yahoo's
Open-NSFW (BGR less the means of its training set), the whole frame stretched instead of cropped to its middle, so that the edges count.

The first is many times as dear as the second, and in most frames its word counts for nothing: it confirms what others see.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.detect.planes import kept
from pipeline.detect.types import Detections, Detector, Joined, Tags, Values
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

Counts = Callable[[Detections, Sequence[Tags], float], bool]
"""Whether the first classifier's word may count in a frame with these objects, tags, and this probability of "nsfw"."""


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
        both = np.column_stack([self.classes(prepared), self.unsafe(prepared)]).astype(np.float32)
        return [Values(row) for row in both]

    def classes(self, prepared: Sequence[Prepared]) -> F32:
        """(N, 5) probabilities of the first classifier."""
        pictures = np.stack([each.pixels for each in prepared]).astype(np.float32) / 255
        (found,) = self.session.run({"image": pictures})
        classes: F32 = found
        return classes

    def unsafe(self, prepared: Sequence[Prepared]) -> F32:
        """(N,) probabilities of "nsfw"."""
        pictures = kept((len(prepared), *prepared[0].second.shape))
        for picture, each in zip(pictures, prepared, strict=True):
            for channel in range(3):
                picture[..., channel] = each.second[..., 2 - channel]
        for channel in range(3):
            pictures[..., channel] -= MEANS[channel]
        (two,) = self.second.run({"input_0": pictures})
        unsafe: F32 = two[:, 1]
        return unsafe


@dataclass(frozen=True, slots=True)
class Shown:
    """A frame made ready for classifiers and taggers.

    Attributes:
        explicit: For the classifiers.
        tagged: For each of the taggers.
    """

    explicit: Prepared
    tagged: tuple[U8, ...]


@dataclass(frozen=True, slots=True)
class ExplicitWhereItCounts:
    """As `ExplicitDetector`, but the values of the first classifier are 0 in frames where its word cannot count.

    Fed `Joined` frames and `Detections`.

    Attributes:
        classifiers: Both.
        taggers: What they say is asked for where it decides.
        counts: Decides.
        batch: Frames per call of `detect`, at most.
    """

    classifiers: ExplicitDetector
    taggers: Sequence[Detector[U8, Tags]]
    counts: Counts
    batch: int = 1

    def prepare(self, frame: Frame) -> Shown:
        """The stretched frame in all sizes."""
        return Shown(self.classifiers.prepare(frame), tuple(tagger.prepare(frame) for tagger in self.taggers))

    def detect(self, prepared: Sequence[Joined]) -> Sequence[Values]:
        """One answer per prepared frame."""
        return [self._answer(frame.prepared, frame.found) for frame in prepared]

    def _answer(self, shown: Shown, found: Detections) -> Values:
        values = np.zeros(NSFW + 1, np.float32)
        values[NSFW] = self.classifiers.unsafe([shown.explicit])[0]
        tags = [tagger.detect([picture])[0] for tagger, picture in zip(self.taggers, shown.tagged, strict=True)]
        if self.counts(found, tags, float(values[NSFW])):
            values[:NSFW] = self.classifiers.classes([shown.explicit])[0]
        return Values(values)
