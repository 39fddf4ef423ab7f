"""Whether heads wear helmets or hard hats: two networks of ImageNet's classes, which know both as helmets, look at the head.

They look at the upper half of the head, with more and with less around it: faces and suits would outweigh what is worn above them. Shares
are small even where a helmet is plain to see; that both networks name helmets at all is the evidence. Caps, hats and hair mislead one of
the two now and then, seldom both: the geometric mean of the networks' shares is taken, each averaged over the crops.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.detect import tags
from pipeline.detect.crops import crop, turned_square
from pipeline.detect.objects import normalised
from pipeline.media.types import F32, U8
from pipeline.models.types import Models, Session

MODELS = (tags.MODEL, tags.SECOND_MODEL)
HELMETS = (518, 560)
"""ImageNet's crash helmet and football helmet."""
ROOMS = (1.2, 1.6)
"""Sides of the crops in widths of the head. Of these and six other crops they told bare heads best from hats painted over them."""
UPPER = 0.25
"""Height of the crops' middle in that of the head, from its top."""


@dataclass(frozen=True, slots=True)
class HelmetJudge:
    """How much the heads of a picture look like helmets.

    Attributes:
        first: The model `tags.MODEL`.
        second: The model `tags.SECOND_MODEL`.
    """

    first: Session
    second: Session

    def judged(self, picture: U8, heads: F32) -> F32:
        """(N,) shares of helmets, 0 to 1, on heads (N, 4): left, top, width, height as ratios of the picture (H, W, 3) of RGB."""
        scale = np.array([*picture.shape[1::-1]] * 2, np.float32)
        shares: F32 = np.array([self._share(picture, head * scale) for head in heads], np.float32)
        return shares

    def _share(self, picture: U8, head: F32) -> float:
        first = np.stack([normalised(_part(picture, head, room, tags.SIDE)) for room in ROOMS])
        second = np.stack([_part(picture, head, room, tags.SECOND_SIDE) for room in ROOMS])
        (named,), (again,) = self.first.run({"x": first}), self.second.run({"image": second})
        return float(np.sqrt(_helmets(named) * _helmets(again)))


def load(models: Models) -> HelmetJudge:
    """The judge with the networks of `MODELS`."""
    return HelmetJudge(*(models.load(name) for name in MODELS))


def _part(picture: U8, head: F32, room: float, side: int) -> U8:
    """(side, side, 3) around the upper half of a head (4,) in pixels."""
    middle = head[:2] + head[2:] * np.array([0.5, UPPER], np.float32)
    return crop(picture, turned_square(middle, float(head[2]) * room, 0, side), side).round().astype(np.uint8)


def _helmets(shares: F32) -> float:
    """What helmets have of all classes, averaged over the crops."""
    return float(shares[:, HELMETS].sum(axis=1).mean())
