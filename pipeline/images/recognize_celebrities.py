"""RecognizeCelebrities: faces of an image that the operator's gallery knows."""

from typing import Any

import numpy as np

from pipeline.aggregate.celebrities import LEAST
from pipeline.aggregate.similarity import least_cosine, similarity
from pipeline.aggregate.types import Match
from pipeline.faces.galleries import galleries
from pipeline.images.call import Call
from pipeline.images.faces import described, embedded, found, rows_of, trusted

MOST_FACES = 64
"""Source: Amazon Rekognition API reference, RecognizeCelebrities."""
COMPARED = ("BoundingBox", "Confidence", "Landmarks", "Pose", "Quality", "Emotions", "Smile")
"""Members of ComparedFace."""


def answer(call: Call) -> dict[str, Any]:
    """CelebrityFaces and UnrecognizedFaces, largest first.

    Raises:
        RequestError: the image cannot be used.
    """
    picture = call.picture()
    there = rows_of(found(call.models, picture.frame), np.arange(MOST_FACES))
    details = described(call.models, picture.frame, there, ("EMOTIONS", "SMILE"))
    shown = [{name: detail[name] for name in COMPARED if name in detail} for detail in details]
    known: dict[int, Match] = {}
    gallery = galleries(call.services, call.account).celebrities()
    rows = np.flatnonzero(trusted(picture.frame, there)[0] > 0)  # the others resemble one another, whoever they are
    if gallery is not None and len(rows):
        vectors = embedded(call.models, picture.frame, rows_of(there, rows))
        found_there = gallery.search(vectors, least_cosine(LEAST), 1)
        known = {int(row): best[0] for row, best in zip(rows, found_there, strict=True) if best}
    return {
        "CelebrityFaces": [
            {**match.face, "MatchConfidence": similarity(match.cosine), "Face": shown[row]}
            for row, match in known.items()
        ],
        "UnrecognizedFaces": [face for row, face in enumerate(shown) if row not in known],
    }
