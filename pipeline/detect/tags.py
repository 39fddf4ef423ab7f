"""Labels of the whole frame with PP-LCNetV2, over the 1000 classes of ImageNet.

Source: PaddleClas' PPLCNetV2_base (Apache-2.0); the preparation is its published one, except that the whole frame is stretched to the input
instead of cropped to its middle, so that the edges of wide frames count.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.detect.objects import normalised
from pipeline.detect.types import Tags
from pipeline.media.types import F32, Frame
from pipeline.models.types import Session

MODEL = "tags-pplcnetv2"
SIDE = 224
KEPT = 20
SCORE_FLOOR = 0.01


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
    batch: int = 4
    kept: int = KEPT
    floor: float = SCORE_FLOOR

    def prepare(self, frame: Frame) -> F32:
        """(3, 224, 224) normalised planes of the stretched frame."""
        return normalised(frame.rgb(SIDE, SIDE))

    def detect(self, prepared: Sequence[F32]) -> Sequence[Tags]:
        """One answer per prepared frame."""
        (probabilities,) = self.session.run({"x": np.stack(prepared)})
        return [self._answer(row) for row in probabilities]

    def _answer(self, probabilities: F32) -> Tags:
        best = np.argsort(-probabilities, kind="stable")[: self.kept]
        best = best[probabilities[best] >= self.floor]
        return Tags(best.astype(np.int64), probabilities[best].astype(np.float32))
