"""Which faces of an image are good enough to be known by: QualityFilter and the Reasons of UnindexedFaces.

Size, sharpness and brightness are where a face that was shrunk, blurred or darkened is still like itself, by the cosine of its SFace
embeddings before and after: LOW: the cosine from which SFace's authors take two faces for one person's (.363); MEDIUM: .6; HIGH: .8.
AUTO, whose bar Rekognition keeps to itself, is LOW here: what a search could find is indexed. Angles of HIGH are those that Amazon
recommends for comparisons, yaw within 45 degrees, pitch from 30 downwards to 45 upwards; the others are wider by steps.

Source: OpenCV model zoo, face_recognition_sface, for the cosine; Amazon Rekognition developer guide, "Recommendations for facial comparison
input images", for the angles.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.aggregate.faces import face_detail
from pipeline.detect.boxes import Size
from pipeline.detect.types import Faces
from pipeline.media.types import F32


@dataclass(frozen=True, slots=True)
class Bar:
    """The least that a face must have.

    Attributes:
        confidence: 0 to 100, that it is a face.
        side: Of its box, the shorter one, in pixels of the picture that crops are cut out of.
        sharpness: 0 to 100.
        brightness: 0 to 100.
        yaw: Degrees to either side, at most.
        down: Degrees of pitch downwards, at most.
        up: Degrees of pitch upwards, at most.
        trust: 0 to 1, in its embedding: the flaws taken together.
    """

    confidence: float
    side: float
    sharpness: float
    brightness: float
    yaw: float
    down: float
    up: float
    trust: float


LOW = Bar(confidence=95, side=24, sharpness=15, brightness=4, yaw=75, down=60, up=60, trust=0.15)
MEDIUM = Bar(confidence=97, side=30, sharpness=25, brightness=6, yaw=60, down=45, up=50, trust=0.3)
HIGH = Bar(confidence=98, side=50, sharpness=45, brightness=10, yaw=45, down=30, up=45, trust=0.55)
BARS: Mapping[str, Bar] = {"AUTO": LOW, "LOW": LOW, "MEDIUM": MEDIUM, "HIGH": HIGH}


def flaws(faces: Faces, trusted: F32, size: Size, level: str) -> list[list[str]]:
    """The Reasons not to index each face; none for a face that is good enough.

    Args:
        faces: Faces of an image.
        trusted: (N,) 0 to 1: how far an embedding of each can be trusted; 0: it cannot have one.
        size: Width and height of the picture that their crops are cut out of.
        level: A QualityFilter; with NONE only a face that cannot have an embedding is refused.
    """
    bar = BARS.get(level)
    if bar is None:
        return [[] if trust > 0 else ["LOW_FACE_QUALITY"] for trust in trusted]
    return [list(_flaws(faces, float(trusted[row]), size, bar, row)) for row in range(len(faces.scores))]


def _flaws(faces: Faces, trust: float, size: Size, bar: Bar, row: int) -> Iterator[str]:
    _, yaw, pitch = faces.pose[row]
    brightness, sharpness = faces.quality[row]
    if abs(yaw) > bar.yaw or not -bar.down <= pitch <= bar.up:
        yield "EXTREME_POSE"
    if brightness < bar.brightness:
        yield "LOW_BRIGHTNESS"
    if sharpness < bar.sharpness:
        yield "LOW_SHARPNESS"
    if face_detail(faces, row)["Confidence"] < bar.confidence:
        yield "LOW_CONFIDENCE"
    if (faces.boxes[row, 2:] * np.array(size)).min() < bar.side:
        yield "SMALL_BOUNDING_BOX"
    if trust < bar.trust:
        yield "LOW_FACE_QUALITY"
