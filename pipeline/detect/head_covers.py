"""Whether heads wear helmets, hard hats or the close caps of clinics: two networks of ImageNet's classes look at the head.

ImageNet has no hard hats and no surgical caps: the networks call them helmets, bathing caps and shower caps. They look at the upper half
of the head, with more and with less around it: faces and suits would outweigh what is worn above them. Shares are small even where a
cover is plain to see; that both networks name one at all is the evidence. Berets, hats and hair mislead one of the two now and then,
seldom both: the geometric mean of the networks' shares is taken, each averaged over the crops.

Small heads tell them little: of hard hats painted on people without faces they found none on heads narrower than 16 pixels and one in ten
on those of 16 to 30. Wider crops did not change that.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.detect import tags
from pipeline.detect.crops import crop, turned_square
from pipeline.detect.objects import normalised
from pipeline.media.types import F32, U8
from pipeline.models.types import Models, Session

MODELS = (tags.MODEL, tags.SECOND_MODEL)
KINDS = ((518, 560), (433,), (793,))
"""ImageNet's classes of each kind of cover: crash helmet and football helmet, bathing cap, shower cap."""
ROOMS = (1.2, 1.6)
"""Sides of the crops in widths of the head. Of these and six other crops they told bare heads best from hats painted over them."""
UPPER = 0.25
"""Height of the crops' middle in that of the head, from its top."""


@dataclass(frozen=True, slots=True)
class HeadCoverJudge:
    """How much the heads of a picture look covered.

    Attributes:
        first: The model `tags.MODEL`.
        second: The model `tags.SECOND_MODEL`.
    """

    first: Session
    second: Session

    def judged(self, picture: U8, heads: F32) -> F32:
        """(N, K) shares of each of `KINDS`, 0 to 1, on heads (N, 4): left, top, width, height as ratios of the picture (H, W, 3) of RGB."""
        scale = np.array([*picture.shape[1::-1]] * 2, np.float32)
        shares = np.array([self._shares(picture, head * scale) for head in heads], np.float32)
        return shares.reshape(len(heads), len(KINDS))

    def _shares(self, picture: U8, head: F32) -> F32:
        first = normalised([_part(picture, head, room, tags.SIDE) for room in ROOMS])
        second = np.stack([_part(picture, head, room, tags.SECOND_SIDE) for room in ROOMS])
        (named,), (again,) = self.first.run({"x": first}), self.second.run({"image": second})
        both: F32 = np.sqrt(_of_kinds(named) * _of_kinds(again))
        return both


def load(models: Models) -> HeadCoverJudge:
    """The judge with the networks of `MODELS`."""
    return HeadCoverJudge(*(models.load(name) for name in MODELS))


def _part(picture: U8, head: F32, room: float, side: int) -> U8:
    """(side, side, 3) around the upper half of a head (4,) in pixels."""
    middle = head[:2] + head[2:] * np.array([0.5, UPPER], np.float32)
    return crop(picture, turned_square(middle, float(head[2]) * room, 0, side), side).round().astype(np.uint8)


def _of_kinds(shares: F32) -> F32:
    """(K,) what each kind has of all classes, averaged over the crops."""
    return np.array([shares[:, kind].sum(axis=1).mean() for kind in KINDS], np.float32)
