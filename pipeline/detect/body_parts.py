"""Which parts of bodies are in sight, with NudeNet; only where its licence was accepted.

Source: NudeNet 3.4's 320n network and its published preparation: padded to a square at the bottom or the right, 320 pixels, 0 to 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.detect.types import Values
from pipeline.media.types import F32, Frame
from pipeline.models.types import Session

MODEL = "moderation-nudenet"
SIDE = 320
CLASSES = (
    "FEMALE_GENITALIA_COVERED",
    "FACE_FEMALE",
    "BUTTOCKS_EXPOSED",
    "FEMALE_BREAST_EXPOSED",
    "FEMALE_GENITALIA_EXPOSED",
    "MALE_BREAST_EXPOSED",
    "ANUS_EXPOSED",
    "FEET_EXPOSED",
    "BELLY_COVERED",
    "FEET_COVERED",
    "ARMPITS_COVERED",
    "ARMPITS_EXPOSED",
    "FACE_MALE",
    "BELLY_EXPOSED",
    "MALE_GENITALIA_EXPOSED",
    "ANUS_COVERED",
    "FEMALE_BREAST_COVERED",
    "BUTTOCKS_COVERED",
)


@dataclass(frozen=True, slots=True)
class BodyPartDetector:
    """(18,) scores per frame, 0 to 1: how surely each of `CLASSES` is somewhere in it.

    Attributes:
        session: The model.
        batch: Frames per call of `detect`, at most.
    """

    session: Session
    batch: int = 1

    def prepare(self, frame: Frame) -> F32:
        """(3, 320, 320) planes of the padded frame, 0 to 1."""
        scale = SIDE / max(frame.aspect, 1.0)
        height = max(1, round(scale if frame.aspect > 1 else SIDE))
        width = max(1, round(height * frame.aspect) if frame.aspect <= 1 else SIDE)
        planes = np.zeros((3, SIDE, SIDE), np.float32)
        planes[:, :height, :width] = frame.rgb(width, height).transpose(2, 0, 1)
        planes /= 255
        return planes

    def detect(self, prepared: Sequence[F32]) -> Sequence[Values]:
        """One answer per prepared frame."""
        (rows,) = self.session.run({"images": np.stack(prepared)})
        return [Values(scores.max(axis=1).astype(np.float32)) for scores in rows[:, 4:]]
