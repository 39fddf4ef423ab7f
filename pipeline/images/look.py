"""The face of an image that a search is about."""

from dataclasses import dataclass

import numpy as np

from pipeline.detect.types import Faces
from pipeline.images.call import Call, Picture
from pipeline.images.face_quality import flaws
from pipeline.images.faces import embedded, found, rows_of, trusted
from pipeline.media.types import F32


@dataclass(frozen=True, slots=True)
class Looked:
    """What an image shows of faces.

    Attributes:
        picture: The image.
        faces: Its faces, largest first.
        reasons: Why each cannot be searched for, by quality; none: it can.
    """

    picture: Picture
    faces: Faces
    reasons: list[list[str]]

    @property
    def chosen(self) -> int | None:
        """Row of the largest face that is good enough; None: there is none."""
        return next((row for row, why in enumerate(self.reasons) if not why), None)


def look(call: Call, level: str, member: str = "Image") -> Looked:
    """The faces of the image in a member of the request, and which are good enough for a QualityFilter.

    Raises:
        RequestError: the image cannot be used.
    """
    picture = call.picture(member)
    there = found(call.models, picture.frame)
    return Looked(picture, there, flaws(there, *trusted(picture.frame, there), level))


def vectors_of(call: Call, looked: Looked, rows: list[int]) -> F32:
    """(N, D) float32, the embeddings of the faces in these rows."""
    return embedded(call.models, looked.picture.frame, rows_of(looked.faces, np.array(rows, np.int64)))
