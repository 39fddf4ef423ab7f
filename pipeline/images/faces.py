"""The faces of an image: found, described, embedded."""

from collections.abc import Collection
from typing import Any

from pipeline.aggregate.faces import face_detail
from pipeline.detect import embeddings, faces
from pipeline.detect.boxes import Size, picture_size
from pipeline.detect.types import Faces
from pipeline.media.types import F32, I64, Frame
from pipeline.models.types import Models


def found(models: Models, frame: Frame) -> Faces:
    """All faces, largest first."""
    detector = faces.FaceDetector(models.load(faces.MODEL))
    return detector.detect([detector.prepare(frame)])[0]


def trusted(frame: Frame, there: Faces) -> tuple[F32, Size]:
    """(N,) 0 to 1, how far embeddings of the faces can be trusted, and width and height of the picture that crops are cut out of."""
    size = picture_size(frame)
    return embeddings.trust(frame.rgb(*size), there), size


def embedded(models: Models, frame: Frame, there: Faces, rows: I64) -> F32:
    """(R, D) float32, the embeddings of the faces in these rows."""
    embedder = embeddings.embedder(models)
    some = Faces(there.boxes[rows], there.scores[rows], there.landmarks[rows], there.pose[rows], there.quality[rows])
    return embedder.embedded([(embedder.prepare(frame), some)])[0].vectors


def described(models: Models, frame: Frame, there: Faces, attributes: Collection[str]) -> list[dict[str, Any]]:
    """A FaceDetail per face: the default attributes and those that are asked for, by their names in the API."""
    del models, frame, attributes
    return [face_detail(there, row) for row in range(len(there.scores))]
