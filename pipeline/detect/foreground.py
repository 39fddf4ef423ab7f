"""What stands out in a picture, with U²-Net's small variant.

Source: Qin et al., "U²-Net: Going Deeper with Nested U-Structure for Salient Object Detection", Pattern Recognition 2020; the preparation
is the authors' (division by the picture's greatest value, 320 x 320). Their stretching of the answer to 0 to 1 is left out: it would find
something in a picture where nothing stands out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.media.types import F32, Frame
from pipeline.models.types import Session

MODEL = "foreground-u2netp"
SIDE = 320
MEAN = np.array([0.485, 0.456, 0.406], np.float32)[:, None, None]
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)[:, None, None]


@dataclass(frozen=True, slots=True)
class ForegroundDetector:
    """How much every place of a picture belongs to its foreground.

    Attributes:
        session: The model.
        batch: Frames per call of `detect`, at most.
    """

    session: Session
    batch: int = 1

    def prepare(self, frame: Frame) -> F32:
        """(3, 320, 320) normalised planes of the stretched picture."""
        planes = frame.rgb(SIDE, SIDE).transpose(2, 0, 1).astype(np.float32)
        normal: F32 = (planes / max(float(planes.max()), 1.0) - MEAN) / DEVIATION
        return normal

    def detect(self, prepared: Sequence[F32]) -> Sequence[F32]:
        """(320, 320) 0 to 1 per prepared picture."""
        maps = self.session.run({"input.1": np.stack(prepared)})[0]
        return list(maps[:, 0])
