"""The faces of a whole video until its end, as plain numbers: an object for each would be ten times as large."""

from array import array

import numpy as np

from pipeline.detect.types import Faces
from pipeline.media.types import F32

WIDTH = 20
"""Numbers of a face: 4 of the box, the score, 5 landmarks, 3 angles, 2 of the quality."""
_LIMITS = (4, 5, 15, 18)


class KeptFaces:
    """Faces by number, from 0 in the order in which they were kept."""

    def __init__(self) -> None:
        self._numbers = array("f")

    def add(self, faces: Faces) -> range:
        """Keeps the faces of a frame; their numbers."""
        count, first = len(faces.scores), len(self._numbers) // WIDTH
        if not count:
            return range(first, first)
        columns = (faces.boxes, faces.scores, faces.landmarks, faces.pose, faces.quality)
        rows = np.concatenate([np.asarray(column, np.float32).reshape(count, -1) for column in columns], axis=1)
        self._numbers.frombytes(rows.tobytes())
        return range(first, first + count)

    def at(self, number: int) -> Faces:
        """The face, alone."""
        row: F32 = np.array(self._numbers[number * WIDTH : (number + 1) * WIDTH], np.float32)[None]
        boxes, scores, landmarks, pose, quality = np.split(row, _LIMITS, axis=1)
        return Faces(boxes, scores[:, 0], landmarks.reshape(1, 5, 2), pose, quality)
