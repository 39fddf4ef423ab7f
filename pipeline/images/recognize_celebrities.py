"""RecognizeCelebrities: faces of an image that the operator's gallery knows."""

from typing import Any

import numpy as np

from pipeline.aggregate.celebrities import LEAST
from pipeline.aggregate.similarity import least_cosine, similarity
from pipeline.aggregate.types import Match
from pipeline.detect.types import Faces
from pipeline.faces.galleries import galleries
from pipeline.images.call import Call
from pipeline.images.faces import described, embedded, found, rows_of, trusted
from pipeline.media.types import Frame

MOST_FACES = 64
"""Source: Amazon Rekognition API reference, RecognizeCelebrities."""
COMPARED = ("BoundingBox", "Confidence", "Landmarks", "Pose", "Quality", "Emotions", "Smile")
"""Members of ComparedFace."""


def answer(call: Call) -> dict[str, Any]:
    """CelebrityFaces and UnrecognizedFaces, largest first.

    Raises:
        RequestError: the image cannot be used.
        JobFailed: the faces of the gallery are of another model.
    """
    picture = call.picture()
    there = rows_of(found(call.models, picture.frame), np.arange(MOST_FACES))
    details = described(call.models, picture.frame, there, ("EMOTIONS", "SMILE"))
    shown = [{name: detail[name] for name in COMPARED if name in detail} for detail in details]
    known = _known(call, picture.frame, there)
    return {
        "CelebrityFaces": [
            {**match.face, "MatchConfidence": similarity(match.cosine), "Face": shown[row]}
            for row, match in known.items()
        ],
        "UnrecognizedFaces": [face for row, face in enumerate(shown) if row not in known],
    }


def _known(call: Call, frame: Frame, there: Faces) -> dict[int, Match]:
    """Row of a face -> whom it is of."""
    rows = np.flatnonzero(trusted(frame, there)[0] > 0)  # the others resemble one another, whoever they are
    gallery = galleries(call.services, call.account, patience_s=None).celebrities()
    if gallery is None or not len(rows):
        return {}
    found_there = gallery.search(embedded(call.models, frame, rows_of(there, rows)), least_cosine(LEAST), 1)
    return {int(row): best[0] for row, best in zip(rows, found_there, strict=True) if best}
