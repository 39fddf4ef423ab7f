"""What faces look like: dense landmarks, pose, gaze, expression, age, gender and emotion of faces that another detector has found.

Source: MediaPipe's Face Landmarker (mesh and blendshapes); dlib's age and gender networks by Cydral Technology, whose chips are aligned
on the corners of the eyes and the base of the nose; FacePlugin's expression network. Preparation as their authors publish it, except that
the expression network sees the face turned upright.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.detect import tags
from pipeline.detect.alignment import similarities
from pipeline.detect.boxes import corners_of, picture_size
from pipeline.detect.crops import crop, moved, turned_square
from pipeline.detect.lenses import SunglassesJudge, bridged
from pipeline.detect.mesh import LANDMARKS, POINTS, SHAPES, gaps, gazes, mesh_poses, named, rotations
from pipeline.detect.quality import LUMA
from pipeline.detect.types import Faces, FaceTraits, Joined
from pipeline.media.types import F32, I64, U8, Frame
from pipeline.models.types import Models, Session

MESH, BLENDSHAPES, AGE, GENDER, EMOTION = "face-mesh", "face-blendshapes", "face-age", "face-gender", "face-emotion"
MODELS = (MESH, BLENDSHAPES, AGE, GENDER, EMOTION, tags.MODEL)
EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

MESH_SIDE, MESH_ROOMS = 256, (1.5, 1.2)
"""Sides of the crop in sides of the face's box; the second helps with heads turned far, where the first shows little of the face."""
EMOTION_SIDE, EMOTION_ROOM = 224, 1.1
AGE_SIDE, GENDER_SIDE, CHIP_ROOM = 64, 32, 0.2
LEAST_PRESENCE = 0.5
LEAST_SIDE = 24
"""Pixels of a face's longer side below which nothing but its place is told: the smallest network wants 32."""

CHIP_MEAN = np.array([122.782, 117.001, 104.298], np.float32)
# Corners of the eyes from the picture's right to its left, and the base of the nose, in dlib's mean face.
CHIP_POINTS = (263, 362, 33, 133, 2)
CHIP_TEMPLATE = np.array(
    [[0.85957, 0.21350], [0.64606, 0.22897], [0.12058, 0.21373], [0.33409, 0.22906], [0.49011, 0.62780]], np.float32
)
# The 146 points of the mesh that the network of expressions is fed.
SHAPE_POINTS = np.array(
    [0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78, 80, 81, 82, 84,
     87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153, 154, 155, 157, 158, 159,
     160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251, 263, 267, 269, 270, 276, 282, 283,
     284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318, 321, 323, 324, 332, 334, 336, 338, 356, 361,
     362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385, 386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415,
     454, 466, *range(468, 478)]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sessions:
    """The networks."""

    mesh: Session
    shapes: Session
    age: Session
    gender: Session
    emotion: Session
    tags: Session


def load(models: Models) -> Sessions:
    """The networks of `MODELS`."""
    return Sessions(*(models.load(name) for name in MODELS))


@dataclass(frozen=True, slots=True)
class TraitDetector:
    """`FaceTraits` of the `Faces` that another stage found.

    Attributes:
        sessions: The networks.
        batch: Frames per call of `detect`, at most.
        crops: Faces per call of a network, at most.
    """

    sessions: Sessions
    batch: int = 1
    crops: int = 8

    def prepare(self, frame: Frame) -> U8:
        """The picture that faces are cut out of."""
        return frame.rgb(*picture_size(frame))

    def detect(self, prepared: Sequence[Joined]) -> Sequence[FaceTraits]:
        """One answer per frame."""
        return [self.traits(frame.prepared, frame.found) for frame in prepared]

    def traits(self, picture: U8, faces: Faces) -> FaceTraits:
        """What the faces of a picture (H, W, 3) of RGB look like; its pixels must be square as seen."""
        traits = unknown(len(faces.scores))
        squares = _squares(picture, faces)
        large = np.flatnonzero(squares[:, 2] >= LEAST_SIDE)
        for start in range(0, len(large), self.crops):
            rows = large[start : start + self.crops]
            points, presence = self._meshes(picture, squares[rows])
            traits.presence[rows] = presence
            sure = presence >= LEAST_PRESENCE
            if sure.any():
                self._describe(picture, squares[rows[sure]], points[sure], traits, rows[sure])
        return traits

    def _describe(self, picture: U8, squares: F32, points: F32, traits: FaceTraits, rows: I64) -> None:
        """Fills the rows of those faces whose meshes (N, 478, 3) are sure."""
        turns = rotations(points)
        traits.landmarks[rows] = (named(points) + 0.5) / np.array(picture.shape[1::-1], np.float32)
        traits.pose[rows] = mesh_poses(turns)
        traits.gaze[rows] = gazes(points, turns)
        traits.gaps[rows] = gaps(points)
        traits.shapes[rows] = [self._shapes(face) for face in points]
        traits.ages[rows] = self._ages(picture, points)
        traits.male[rows] = self._classified(self.sessions.gender, picture, points, GENDER_SIDE)[:, 1]
        traits.emotions[rows] = self._emotions(picture, squares)
        traits.eyeglasses[rows] = bridged(picture, points)
        traits.sunglasses[rows] = SunglassesJudge(self.sessions.tags).judged(picture, squares, points)

    def _meshes(self, picture: U8, squares: F32) -> tuple[F32, F32]:
        """(N, 478, 3) points in pixels of the picture, z away from the viewer, and (N,) presence, 0 to 1."""
        points, presence = self._looked(picture, squares, MESH_ROOMS[0])
        unsure = presence < LEAST_PRESENCE
        if unsure.any():
            points[unsure], presence[unsure] = self._looked(picture, squares[unsure], MESH_ROOMS[1])
        return points, presence

    def _looked(self, picture: U8, squares: F32, room: float) -> tuple[F32, F32]:
        matrices = [_upright(square, room, MESH_SIDE) for square in squares]
        crops = np.stack([crop(picture, matrix, MESH_SIDE) for matrix in matrices]) / np.float32(255)
        found, logits, _ = self.sessions.mesh.run({"input": crops})
        # The network counts from the crop's edge, the matrices from the middle of its first pixel.
        local = found.reshape(-1, POINTS, 3) - np.array([0.5, 0.5, 0], np.float32)
        spots = np.stack([moved(face[:, :2], matrix) for face, matrix in zip(local, matrices, strict=True)])
        depths = local[..., 2:] * (squares[:, None, 2:3] * np.float32(room / MESH_SIDE))
        return np.concatenate([spots, depths], axis=2), _logistic(logits.ravel())

    def _shapes(self, points: F32) -> F32:
        (found,) = self.sessions.shapes.run({"input": points[None, SHAPE_POINTS, :2]})
        shapes: F32 = found
        return shapes

    def _ages(self, picture: U8, points: F32) -> F32:
        """(N, 2) mean and standard deviation in years."""
        probabilities = self._classified(self.sessions.age, picture, points, AGE_SIDE)
        years = np.arange(probabilities.shape[1], dtype=np.float32)
        mean = probabilities @ years
        spread = np.sqrt((probabilities * (years - mean[:, None]) ** 2).sum(axis=1))
        return np.stack([mean, spread], axis=1)

    def _classified(self, session: Session, picture: U8, points: F32, side: int) -> F32:
        """(N, classes) probabilities of faces aligned as dlib does."""
        template = (CHIP_TEMPLATE + CHIP_ROOM) / (1 + 2 * CHIP_ROOM) * side
        matrices = similarities(points[:, CHIP_POINTS, :2], template)
        chips = np.stack([crop(picture, matrix, side) for matrix in matrices])
        (probabilities,) = session.run({"images": planes((chips - CHIP_MEAN) / np.float32(256))})
        found: F32 = probabilities
        return found

    def _emotions(self, picture: U8, squares: F32) -> F32:
        """(N, 7) probabilities."""
        crops = [crop(picture, _upright(square, EMOTION_ROOM, EMOTION_SIDE), EMOTION_SIDE) for square in squares]
        grey: F32 = np.stack(crops) @ (LUMA / np.float32(255))
        (logits,) = self.sessions.emotion.run({"input": planes(np.repeat(grey[..., None], 3, axis=3))})
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities: F32 = powers / powers.sum(axis=1, keepdims=True)
        return probabilities


def unknown(count: int) -> FaceTraits:
    """Traits of faces nobody has looked at."""
    widths = (len(LANDMARKS), 2), (3,), (2,), (len(SHAPES),), (2,), (2,), (), (len(EMOTIONS),), (), ()
    return FaceTraits(np.zeros(count, np.float32), *(np.full((count, *width), np.nan, np.float32) for width in widths))


def planes(crops: F32) -> F32:
    """(N, 3, side, side) of crops (N, side, side, 3), contiguous."""
    return np.ascontiguousarray(crops.transpose(0, 3, 1, 2))


def _squares(picture: U8, faces: Faces) -> F32:
    """(N, 4) middle x, y and side of the faces' boxes in pixels, the middle of the first at 0, 0, and the faces' roll in degrees."""
    corners = corners_of(faces.boxes, (picture.shape[1], picture.shape[0]))
    middles, sides = (corners[:, :2] + corners[:, 2:]) / 2 - 0.5, corners[:, 2:] - corners[:, :2]
    return np.column_stack([middles, sides.max(axis=1, initial=0), faces.pose[:, 0]]).astype(np.float32)


def _upright(square: F32, room: float, side: int) -> F32:
    """The matrix of the crop in which a face stands upright, with room around it."""
    return turned_square(square[:2], float(square[2]) * room, float(square[3]), side)


def _logistic(logits: F32) -> F32:
    values: F32 = np.asarray(1 / (1 + np.exp(-logits)), np.float32)
    return values
