"""Whether heads wear helmets or hard hats: two networks of ImageNet's classes, which know both as helmets, look at the head.

Shares are small even where a helmet is plain to see, as so much else is in sight; that two networks name helmets at all, in crops with
more and with less around the head, is the evidence. Caps, hats and hair mislead one of the two now and then, seldom both: the geometric
mean of the networks' shares is taken, each averaged over the crops.
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
ROOMS = (1.6, 2.2, 3.0)
"""Sides of the crops in those of the head."""


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
        """(N,) shares of helmets, 0 to 1, of heads (N, 3): x, y of the middle and side, in pixels of the picture (H, W, 3) of RGB."""
        shares: F32 = np.array([self._share(picture, head) for head in heads], np.float32)
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
    """(side, side, 3) around a head."""
    return crop(picture, turned_square(head[:2], float(head[2]) * room, 0, side), side).round().astype(np.uint8)


def _helmets(shares: F32) -> float:
    """What helmets have of all classes, averaged over the crops."""
    return float(shares[:, HELMETS].sum(axis=1).mean())
