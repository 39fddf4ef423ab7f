"""RecognizeCelebrities: faces of an image that the operator's gallery knows."""

from typing import Any

import numpy as np

from pipeline.aggregate.celebrities import LEAST
from pipeline.aggregate.similarity import least_cosine, similarity
from pipeline.aggregate.types import Match
from pipeline.faces.galleries import galleries
from pipeline.images.call import Call
from pipeline.images.faces import described, embedded, found, rows_of

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
    known: list[Match | None] = [None] * len(shown)
    gallery = galleries(call.services, call.account).celebrities()
    if gallery is not None and shown:
        vectors = embedded(call.models, picture.frame, there)
        known = [best[0] if best else None for best in gallery.search(vectors, least_cosine(LEAST), 1)]
    return {
        "CelebrityFaces": [
            {**match.face, "MatchConfidence": similarity(match.cosine), "Face": face}
            for match, face in zip(known, shown, strict=True)
            if match is not None
        ],
        "UnrecognizedFaces": [face for match, face in zip(known, shown, strict=True) if match is None],
    }
