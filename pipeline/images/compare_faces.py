"""CompareFaces: the largest face of one image against the faces of another.

Faces that QualityFilter leaves out are not compared: they are neither matches nor unmatched. With NONE, the default, the source face is the
largest one whatever it is like, and a face that is too small for an embedding is like nobody.
"""

from typing import Any

import numpy as np

from pipeline.aggregate.faces import face_detail
from pipeline.aggregate.similarity import DEFAULT, similarity
from pipeline.errors import RequestError
from pipeline.images.call import Call
from pipeline.images.look import Looked, look, vectors_of
from pipeline.media.types import F32

SHOWN = ("BoundingBox", "Confidence")
"""Members of SourceImageFace."""


def answer(call: Call) -> dict[str, Any]:
    """SourceImageFace; FaceMatches, most alike first; UnmatchedFaces, largest first.

    Raises:
        RequestError: an image cannot be used or shows no face, or the source image none that is good enough.
    """
    level = call.request.get("QualityFilter", "NONE")
    least = call.request.get("SimilarityThreshold", DEFAULT)
    source, vector = _source(call, level)  # its picture is let go before the next is decoded
    matches = _targets(call, level, vector)
    return {
        "SourceImageFace": source,
        "FaceMatches": sorted((m for m in matches if m["Similarity"] >= least), key=lambda m: -m["Similarity"]),
        "UnmatchedFaces": [m["Face"] for m in matches if m["Similarity"] < least],
    }


def _source(call: Call, level: str) -> tuple[dict[str, Any], F32]:
    """SourceImageFace, and the embedding (D,) of that face."""
    looked = _looked(call, level, "SourceImage")
    rows = _compared(looked, level)[:1]
    if not rows:
        why = ", ".join(looked.reasons[0])
        raise RequestError(
            "InvalidParameterException",
            f"Request has invalid parameters: SourceImage shows no face that passes QualityFilter {level}; the largest: {why}.",
        )
    detail = face_detail(looked.faces, rows[0])
    return {name: detail[name] for name in SHOWN}, vectors_of(call, looked, rows)[0]


def _targets(call: Call, level: str, source: F32) -> list[dict[str, Any]]:
    """A match per compared face of the target image, whatever its similarity, largest face first."""
    looked = _looked(call, level, "TargetImage")
    rows = _compared(looked, level)
    vectors = vectors_of(call, looked, rows)
    cosines = np.where(vectors.any(axis=1) & source.any(), vectors @ source, -1.0)
    return [
        {"Similarity": similarity(cosine), "Face": face_detail(looked.faces, row)}
        for row, cosine in zip(rows, cosines.tolist(), strict=True)
    ]


def _looked(call: Call, level: str, member: str) -> Looked:
    looked = look(call, level, member)
    if not looked.reasons:
        raise RequestError("InvalidParameterException", f"Request has invalid parameters: {member} shows no face.")
    return looked


def _compared(looked: Looked, level: str) -> list[int]:
    """Rows of the faces that the filter lets pass."""
    return [row for row, why in enumerate(looked.reasons) if level == "NONE" or not why]
