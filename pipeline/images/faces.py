"""The faces of an image: found, described, embedded."""

from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from pipeline.aggregate.boxes import percent
from pipeline.aggregate.faces import TraitTimeline, face_detail
from pipeline.detect import embeddings, face_covers, faces, traits
from pipeline.detect.boxes import Size, picture_size
from pipeline.detect.types import Faces
from pipeline.media.types import F32, I64, Frame, Timestamp
from pipeline.models.types import Models

MOST_FACES = 100
"""Source: Amazon Rekognition API reference, DetectFaces and IndexFaces."""
MEMBERS: Mapping[str, str] = {
    "AGE_RANGE": "AgeRange",
    "BEARD": "Beard",
    "EMOTIONS": "Emotions",
    "EYE_DIRECTION": "EyeDirection",
    "EYEGLASSES": "Eyeglasses",
    "EYES_OPEN": "EyesOpen",
    "FACE_OCCLUDED": "FaceOccluded",
    "GENDER": "Gender",
    "MOUTH_OPEN": "MouthOpen",
    "MUSTACHE": "Mustache",
    "SMILE": "Smile",
    "SUNGLASSES": "Sunglasses",
}
"""Name of an attribute in requests -> member of FaceDetail."""
EVEN_CHANCE = {"Confidence": 50.0}
START = Timestamp(0, Fraction(1))


def found(models: Models, frame: Frame) -> Faces:
    """The largest faces, at most `MOST_FACES`, largest first."""
    detector = faces.FaceDetector(models.load(faces.MODEL))
    return rows_of(detector.detect([detector.prepare(frame)])[0], np.arange(MOST_FACES))


def rows_of(there: Faces, rows: I64) -> Faces:
    """The faces in these rows, as far as there are any."""
    rows = rows[rows < len(there.scores)]
    return Faces(there.boxes[rows], there.scores[rows], there.landmarks[rows], there.pose[rows], there.quality[rows])


def trusted(frame: Frame, there: Faces) -> tuple[F32, Size]:
    """(N,) 0 to 1, how far embeddings of the faces can be trusted, and width and height of the picture that crops are cut out of."""
    size = picture_size(frame)
    return embeddings.trust(frame.rgb(*size), there), size


def embedded(models: Models, frame: Frame, there: Faces) -> F32:
    """(N, D) float32, the embeddings of the faces."""
    embedder = embeddings.embedder(models)
    return embedder.embedded([(embedder.prepare(frame), there)])[0].vectors


def described(models: Models, frame: Frame, there: Faces, attributes: Collection[str]) -> list[dict[str, Any]]:
    """A FaceDetail per face: the default attributes and those that are asked for, by their names in the API, as far as they are known.

    Landmarks and pose are the finer ones of ALL only with ALL.
    """
    details = [face_detail(there, row) for row in range(len(there.scores))]
    everything = "ALL" in attributes
    wanted = {member for name, member in MEMBERS.items() if everything or name in attributes}
    if not wanted:
        return details
    for detail, full in zip(details, _fully(models, frame, there), strict=True):
        detail.update({name: value for name, value in full.items() if everything or name in wanted})
    if "FaceOccluded" in wanted:
        _add_masks(models, frame, there, details)
    return details


def _fully(models: Models, frame: Frame, there: Faces) -> list[Mapping[str, Any]]:
    """A FaceDetail per face with all that is known, as a video of this one frame would have it."""
    detector = traits.TraitDetector(traits.load(models))
    timeline = TraitTimeline("faces", "traits")
    sample = {"faces": there, "traits": detector.traits(detector.prepare(frame), there)}
    records = [*timeline.add(0, START, sample), *timeline.finish(START)]
    return [record.body["Face"] for record in records]


def _add_masks(models: Models, frame: Frame, there: Faces, details: Sequence[dict[str, Any]]) -> None:
    """FaceOccluded of faces that likely wear a mask, unless they are more surely occluded by something else."""
    judge = face_covers.FaceCoverJudge(models.load(face_covers.MODEL))
    shares = judge.judged(frame.rgb(*picture_size(frame)), there.boxes)
    for detail, share in zip(details, shares.tolist(), strict=True):
        if percent(share) > detail.get("FaceOccluded", EVEN_CHANCE)["Confidence"]:
            detail["FaceOccluded"] = {"Value": True, "Confidence": percent(share)}
