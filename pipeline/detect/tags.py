"""Labels of the whole frame with PP-LCNetV2 and with EfficientNet-Lite4, over the 1000 classes of ImageNet.

Source: PaddleClas' PPLCNetV2_base and TensorFlow's EfficientNet-Lite4 (both Apache-2.0); the preparation is their published one, except
that the whole frame is stretched to the input instead of cropped to its middle, so that the edges of wide frames count.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.detect.objects import normalised
from pipeline.detect.planes import stacked
from pipeline.detect.types import Tags
from pipeline.media.types import F32, U8, Frame
from pipeline.models.types import Session

MODEL, SECOND_MODEL = "tags-pplcnetv2", "tags-efficientnet-lite4"
SIDE, SECOND_SIDE = 224, 300
KEPT = 50
SCORE_FLOOR = 0.003


@dataclass(frozen=True, slots=True)
class Tagger:
    """The likeliest ImageNet classes of whole frames, best first.

    Attributes:
        session: The model.
        batch: Frames per call of `detect`, at most.
        kept: Classes per frame, at most.
        floor: Classes below this probability are dropped.
    """

    session: Session
    batch: int = 1
    kept: int = KEPT
    floor: float = SCORE_FLOOR

    def prepare(self, frame: Frame) -> U8:
        """(224, 224, 3) RGB of the stretched frame."""
        return frame.rgb(SIDE, SIDE)

    def detect(self, prepared: Sequence[U8]) -> Sequence[Tags]:
        """One answer per prepared frame."""
        (probabilities,) = self.session.run({"x": normalised(prepared)})
        return [_likeliest(row, self.kept, self.floor) for row in probabilities]


@dataclass(frozen=True, slots=True)
class SecondTagger:
    """The likeliest ImageNet classes of whole frames, best first, by another network.

    Attributes:
        session: The model.
        batch: Frames per call of `detect`, at most.
        kept: Classes per frame, at most.
        floor: Classes below this probability are dropped.
    """

    session: Session
    batch: int = 1
    kept: int = KEPT
    floor: float = SCORE_FLOOR

    def prepare(self, frame: Frame) -> U8:
        """(300, 300, 3) RGB of the stretched frame."""
        return frame.rgb(SECOND_SIDE, SECOND_SIDE)

    def detect(self, prepared: Sequence[U8]) -> Sequence[Tags]:
        """One answer per prepared frame."""
        (probabilities,) = self.session.run({"image": stacked(prepared)})
        return [_likeliest(row, self.kept, self.floor) for row in probabilities]


def _likeliest(probabilities: F32, kept: int, floor: float) -> Tags:
    likely = np.flatnonzero(probabilities >= floor)
    best = likely[np.argsort(-probabilities[likely], kind="stable")[:kept]]
    return Tags(best.astype(np.int64), probabilities[best].astype(np.float32))
