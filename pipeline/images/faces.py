"""The faces of an image: found, described, embedded."""

from collections.abc import Collection
from typing import Any

from pipeline.aggregate.faces import face_detail
from pipeline.detect import embeddings, faces
from pipeline.detect.boxes import Size, picture_size
from pipeline.detect.types import Embeddings, Faces
from pipeline.media.types import Frame
from pipeline.models.types import Models


def found(models: Models, frame: Frame) -> Faces:
    """All faces, largest first."""
    detector = faces.FaceDetector(models.load(faces.MODEL))
    return detector.detect([detector.prepare(frame)])[0]


def embedded(models: Models, frame: Frame, there: Faces) -> tuple[Embeddings, Size]:
    """The embeddings of the faces, and width and height of the picture that their crops were cut out of."""
    embedder = embeddings.FaceEmbedder(models.load(embeddings.MODEL))
    return embedder.embedded([(embedder.prepare(frame), there)])[0], picture_size(frame)


def described(models: Models, frame: Frame, there: Faces, attributes: Collection[str]) -> list[dict[str, Any]]:
    """A FaceDetail per face: the default attributes and those that are asked for, by their names in the API."""
    del models, frame, attributes
    return [face_detail(there, row) for row in range(len(there.scores))]
