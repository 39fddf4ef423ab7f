"""IndexFaces: the faces of an image become faces of a collection."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.faces.indices import check_version
from pipeline.images.call import Call
from pipeline.images.face_quality import flaws
from pipeline.images.faces import MOST_FACES, described, embedded, found, rows_of, trusted
from pipeline.media.types import F32
from pipeline.store import collections
from pipeline.store.engine import reading, writing
from pipeline.store.faces import Face, Image, NewFace, add


def answer(call: Call) -> dict[str, Any]:
    """FaceRecords, largest first, and the faces that were not indexed.

    Raises:
        RequestError: the collection does not exist, is full or has faces of another model, or the image cannot be used.
    """
    request = call.request
    with reading(call.services.engine) as connection:
        collection = collections.get(connection, call.account, request["CollectionId"])
    check_version(collection)
    picture = call.picture()
    there = found(call.models, picture.frame)
    flawed = flaws(there, *trusted(picture.frame, there), request.get("QualityFilter", "AUTO"))
    reasons = limited(flawed, request.get("MaxFaces", MOST_FACES))
    details = described(call.models, picture.frame, there, request.get("DetectionAttributes", ()))
    rows = np.array([row for row, why in enumerate(reasons) if not why], np.int64)
    image = Image(picture.digest, request.get("ExternalImageId"))
    vectors = embedded(call.models, picture.frame, rows_of(there, rows))
    kept = _kept(call, image, [details[row] for row in rows], vectors)
    return {
        "FaceRecords": [{"Face": face.wire, "FaceDetail": details[row]} for face, row in zip(kept, rows, strict=True)],
        "FaceModelVersion": collection.face_model_version,
        "UnindexedFaces": [
            {"Reasons": why, "FaceDetail": detail} for why, detail in zip(reasons, details, strict=True) if why
        ],
    }


def limited(flawed: Sequence[Sequence[str]], most: int) -> list[list[str]]:
    """The Reasons of each face, those of faces that are too many among them: of the good ones the first `most` stay."""
    good = [row for row, why in enumerate(flawed) if not why]
    exceeding = set(good[most:])
    return [["EXCEEDS_MAX_FACES"] if row in exceeding else list(why) for row, why in enumerate(flawed)]


def _kept(call: Call, image: Image, details: Sequence[dict[str, Any]], vectors: F32) -> list[Face]:
    """The faces as the collection has them now."""
    rows = zip(details, vectors.astype("<f4"), strict=True)
    new = [NewFace(detail["BoundingBox"], detail["Confidence"], vector.tobytes()) for detail, vector in rows]
    if not new:
        return []
    name, most = call.request["CollectionId"], call.services.settings.max_faces
    with writing(call.services.engine) as connection:
        check_version(collections.get(connection, call.account, name, lock=True))  # it may be another one by now
        return add(connection, call.account, name, image, new, most)
