"""The people of an image whom protective equipment is looked for on: bodies, and the faces that belong to them."""

from dataclasses import dataclass

import numpy as np

from pipeline.aggregate.heads import HAIR, heads
from pipeline.aggregate.tracklets import SURE, UNSURE
from pipeline.detect.boxes import areas, corners_of, intersections
from pipeline.detect.objects import PERSON
from pipeline.detect.types import Detections, Faces
from pipeline.images.faces import rows_of
from pipeline.media.types import F32

MOST = 15
"""Source: Amazon Rekognition API reference, DetectProtectiveEquipment."""
LEAST_SIDE, OF_SIDES = 100.0, (800.0, 1300.0)
"""Pixels that the longer side of somebody must have in an image of these sides; in others in proportion.
Source: Amazon Rekognition developer guide, "Guidelines and quotas"."""
REPORTED = 0.5
"""Least share of anything that is reported. Source: the same API reference, ProtectiveEquipmentSummarizationAttributes."""
SURE_FACE = 0.8
"""Least score of a face that is somebody's by itself; YuNet's false faces lie below."""
BUST = np.array([-0.75, -0.35, 2.5, 3.2], np.float32)
"""Left, top, width and height of head and shoulders, from the face's corner and in its sides."""
WITHIN = 0.8
"""Share of an unsure, faceless body inside a better one's box from which it is taken for a part of that one."""

SAME_SPAN = 0.6
"""Share that two bodies, one above the other, must have of the width that both fill to be taken for one."""


@dataclass(frozen=True, slots=True)
class Wearer:
    """Somebody.

    Attributes:
        box: (4,) left, top, width, height as ratios.
        share: How sure it is that this is a person, 0 to 1.
        face: Row of their face; -1: none is seen.
    """

    box: F32
    share: float
    face: int


def wearers(bodies: Detections, faces: Faces, width: int, height: int) -> list[Wearer]:
    """The people of an image of so many pixels, largest first, at most `MOST`."""
    found = [someone for someone in _everybody(bodies, faces) if someone.share >= REPORTED]
    large = [someone for someone in found if _longer(someone, width, height) >= least_side(width, height)]
    alone = [one for one in large if one.face >= 0 or not _of_another(one, large, faces)]
    return sorted(alone, key=lambda someone: -float(someone.box[2] * someone.box[3]))[:MOST]


def least_side(width: int, height: int) -> float:
    """Pixels that the longer side of somebody must have in an image of so many pixels."""
    return float(LEAST_SIDE * np.sqrt(width * height / (OF_SIDES[0] * OF_SIDES[1])))


def face_share(faces: Faces, row: int) -> float:
    """How sure it is that this is a face, 0 to 1, as FaceDetail has it."""
    return 1 - (1 - float(faces.scores[row])) ** 2


def _everybody(bodies: Detections, faces: Faces) -> list[Wearer]:
    """Bodies, surer where they have a face, and faces without bodies."""
    rows = np.flatnonzero((bodies.classes == PERSON) & (bodies.scores >= UNSURE))
    boxes, scores = bodies.boxes[rows], bodies.scores[rows]
    face_of = {body: face for face, body in heads(faces, boxes)}
    found = []
    for row, (box, score) in enumerate(zip(boxes, scores, strict=True)):
        face = face_of.get(row, -1)
        doubt = (1 - float(score)) * (1 - face_share(faces, face) if face >= 0 else 1)
        found.append(Wearer(box, 1 - doubt, face))
    lonely = set(range(len(faces.scores))) - set(face_of.values())
    return found + [_bust(faces, row) for row in sorted(lonely) if faces.scores[row] >= SURE_FACE]


def _bust(faces: Faces, row: int) -> Wearer:
    """Somebody of whom only the face was found."""
    left, top, width, height = faces.boxes[row]
    sides = np.array([width, height, width, height], np.float32)
    low = np.array([left, top, 0, 0], np.float32) + BUST * sides
    ends = np.clip([low[0], low[1], low[0] + low[2], low[1] + low[3]], 0, 1)
    box = np.array([*ends[:2], *(ends[2:] - ends[:2])], np.float32)
    return Wearer(box, face_share(faces, row), row)


def _longer(someone: Wearer, width: int, height: int) -> float:
    return max(float(someone.box[2]) * width, float(someone.box[3]) * height)


def _of_another(someone: Wearer, everybody: list[Wearer], faces: Faces) -> bool:
    """Whether this body without a face is a part of somebody else, or the same once more."""
    others = [other for other in everybody if other is not someone]
    faced = [other for other in others if other.face >= 0]
    better = [other for other in others if other.share > someone.share]
    return (
        (someone.share < SURE and any(_inside(someone, other) >= WITHIN for other in better))
        or any(_lies_below(someone, other, faces) for other in faced)
        or any(_shares_face(someone, other, faces) for other in faced)
    )


def _inside(someone: Wearer, other: Wearer) -> float:
    """Share of somebody's box that is in the other's."""
    own = corners_of(someone.box[None])
    return float(intersections(own, corners_of(other.box[None]))[0, 0] / areas(own)[0])


def _lies_below(someone: Wearer, other: Wearer, faces: Faces) -> bool:
    """Whether this is the lower part of somebody whose head and shoulders were found by themselves."""
    left, top, width, _ = map(float, someone.box)
    if not faces.boxes[other.face, 1] < top <= other.box[1] + other.box[3]:
        return False
    span = max(left + width, float(other.box[0] + other.box[2])) - min(left, float(other.box[0]))
    return width + float(other.box[2]) - span >= SAME_SPAN * span


def _shares_face(someone: Wearer, other: Wearer, faces: Faces) -> bool:
    """Whether the other's face would be this body's as well, and most of one box is in the other."""
    face = rows_of(faces, np.array([other.face]))
    together = max(_inside(someone, other), _inside(other, someone))
    return together >= WITHIN and bool(heads(face, someone.box[None]))


@dataclass(frozen=True, slots=True)
class Head:
    """Where somebody's head is.

    Attributes:
        box: (4,) left, top, width, height as ratios, hair and hat included.
        brow: Height of the brows, as a ratio; a helmet ends there.
        share: How sure it is that this is a head, 0 to 1.
        faced: Whether a face is seen there; else the box is only where heads are.
    """

    box: F32
    brow: float
    share: float
    faced: bool


FOREHEAD = 0.35
"""Of the distance from the eyes to the mouth: how far the brows are above the eyes."""
SIDES = 0.1
"""Of a face's width: how far the head reaches beyond its box."""
HEAD_OF_BODY, WIDE = 0.14, 0.8
"""Height of a head in that of somebody who stands, and its width in its height.
Source: Drillis and Contini, "Body segment parameters", 1966 (.130 of the stature), with room for hair or a hat."""
UPRIGHT = 1.8
"""Height over width of a body from which the head of somebody without a face can be trusted to be on top."""
FACELESS = 0.7
"""How sure a head is that is only where heads are."""


def head(someone: Wearer, faces: Faces, aspect: float) -> Head | None:
    """Somebody's head; None: nothing says where it is. `aspect` is the width of the image over its height."""
    if someone.face >= 0:
        return _above_face(faces, someone.face)
    left, top, width, height = map(float, someone.box)
    if height < UPRIGHT * width * aspect:
        return None
    high = HEAD_OF_BODY * height
    wide = WIDE * high / aspect
    box = np.array([left + (width - wide) / 2, top, wide, high], np.float32)
    return Head(box, top + high / 2, someone.share * FACELESS, False)


def _above_face(faces: Faces, row: int) -> Head:
    left, top, width, height = map(float, faces.boxes[row])
    eyes, mouth = faces.landmarks[row, :2].mean(axis=0), faces.landmarks[row, 3:].mean(axis=0)
    crown = top - HAIR * height
    box = np.array([left - SIDES * width, crown, (1 + 2 * SIDES) * width, top + height - crown], np.float32)
    brow = float(eyes[1] - FOREHEAD * (mouth[1] - eyes[1]))
    return Head(box, max(brow, crown), face_share(faces, row), True)
