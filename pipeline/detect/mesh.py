"""What a dense mesh of a face's points tells by geometry alone: named landmarks, head pose, gaze, openings of eyes and mouth.

Points are numbered as in MediaPipe's face mesh: 468 of the face, then five of each iris. Left and right are those of the picture.

Source: Kartynnik et al., "Real-time facial surface geometry from monocular video on mobile GPUs", 2019; the model points are those of
MediaPipe's canonical face that weigh most in its own pose fit (Apache-2.0).
"""

from collections.abc import Mapping

import numpy as np

from pipeline.detect.pose import angles
from pipeline.media.types import F32

POINTS = 478

LANDMARKS: Mapping[str, tuple[int, ...]] = {
    "eyeLeft": (33, 133, 159, 145),
    "eyeRight": (263, 362, 386, 374),
    "mouthLeft": (61,),
    "mouthRight": (291,),
    "nose": (4,),
    "leftEyeBrowLeft": (70, 46),
    "leftEyeBrowRight": (107, 55),
    "leftEyeBrowUp": (105,),
    "rightEyeBrowLeft": (336, 285),
    "rightEyeBrowRight": (300, 276),
    "rightEyeBrowUp": (334,),
    "leftEyeLeft": (33,),
    "leftEyeRight": (133,),
    "leftEyeUp": (159,),
    "leftEyeDown": (145,),
    "rightEyeLeft": (362,),
    "rightEyeRight": (263,),
    "rightEyeUp": (386,),
    "rightEyeDown": (374,),
    "noseLeft": (48,),
    "noseRight": (278,),
    "mouthUp": (0,),
    "mouthDown": (17,),
    "leftPupil": (468,),
    "rightPupil": (473,),
    "upperJawlineLeft": (234,),
    "midJawlineLeft": (172,),
    "chinBottom": (152,),
    "midJawlineRight": (397,),
    "upperJawlineRight": (454,),
}
"""Rekognition's names of landmarks, and the points whose middle each of them is."""

SHAPES = (
    "_neutral",
    "browDownLeft",
    "browDownRight",
    "browInnerUp",
    "browOuterUpLeft",
    "browOuterUpRight",
    "cheekPuff",
    "cheekSquintLeft",
    "cheekSquintRight",
    "eyeBlinkLeft",
    "eyeBlinkRight",
    "eyeLookDownLeft",
    "eyeLookDownRight",
    "eyeLookInLeft",
    "eyeLookInRight",
    "eyeLookOutLeft",
    "eyeLookOutRight",
    "eyeLookUpLeft",
    "eyeLookUpRight",
    "eyeSquintLeft",
    "eyeSquintRight",
    "eyeWideLeft",
    "eyeWideRight",
    "jawForward",
    "jawLeft",
    "jawOpen",
    "jawRight",
    "mouthClose",
    "mouthDimpleLeft",
    "mouthDimpleRight",
    "mouthFrownLeft",
    "mouthFrownRight",
    "mouthFunnel",
    "mouthLeft",
    "mouthLowerDownLeft",
    "mouthLowerDownRight",
    "mouthPressLeft",
    "mouthPressRight",
    "mouthPucker",
    "mouthRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
    "mouthSmileLeft",
    "mouthSmileRight",
    "mouthStretchLeft",
    "mouthStretchRight",
    "mouthUpperUpLeft",
    "mouthUpperUpRight",
    "noseSneerLeft",
    "noseSneerRight",
)
"""ARKit's names of the coefficients of expressions; left and right are the person's."""

# Number, x, y (upwards), z (towards the viewer) in centimetres; the mirrored half follows.
_MIDDLE = [(4, 0.0, -0.463, 7.587), (6, 0.0, 2.473, 5.789)]
_SIDES = [
    (33, 263, -4.446, 2.664, 3.173),
    (133, 362, -1.856, 2.585, 3.758),
    (129, 358, -1.786, -0.978, 4.850),
    (136, 365, -5.085, -7.179, 0.715),
    (205, 425, -3.833, -1.537, 4.138),
    (198, 420, -1.247, 0.230, 5.681),
    (121, 350, -1.821, 1.468, 4.224),
]
_MODEL = np.array(
    [*_MIDDLE, *((left, x, y, z) for left, _, x, y, z in _SIDES), *((right, -x, y, z) for _, right, x, y, z in _SIDES)]
)
_NUMBERS = _MODEL[:, 0].astype(np.intp)
_CENTRED = (_MODEL[:, 1:] - _MODEL[:, 1:].mean(axis=0)) * (1, -1, 1)

_EYES = ((33, 133, 159, 145, 468), (362, 263, 386, 374, 473))
_LIPS = (13, 14, 78, 308)
IRIS_RADIUS = 0.42
"""The iris turns about the eyeball's middle at this distance in widths of the eye (12 mm of 29 mm).

Source: Bekerman et al., "Variations in eyeball diameters of the healthy adults", 2014; Farkas, "Anthropometry of the head and face", 1994.
"""


def named(points: F32) -> F32:
    """(N, 30, 2) x, y of the landmarks of meshes (N, 478, 3)."""
    spots = [points[:, numbers, :2].mean(axis=1) for numbers in LANDMARKS.values()]
    return np.stack(spots, axis=1).astype(np.float32)


def rotations(points: F32) -> F32:
    """(N, 3, 3) turns of the frontal face into meshes (N, 478, 3), by least squares; z of the mesh away from the viewer.

    Axes: x right, y down, z towards the viewer.
    """
    seen = points[:, _NUMBERS].astype(np.float64) * (1, 1, -1)
    seen -= seen.mean(axis=1, keepdims=True)
    left, _, right = np.linalg.svd(np.einsum("npi,pj->nij", seen, _CENTRED))
    # A mirrored face is no answer: the last axis gives way.
    left[:, :, 2] *= np.linalg.det(left @ right)[:, None]
    turns: F32 = (left @ right).astype(np.float32)
    return turns


def mesh_poses(turns: F32) -> F32:
    """(N, 3) degrees roll, yaw, pitch of turned faces (N, 3, 3), in the sense of `pose.poses`."""
    return np.array([angles(turn) for turn in turns], np.float32).reshape(-1, 3)


def gazes(points: F32, turns: F32) -> F32:
    """(N, 2) degrees yaw, pitch of the eyes in the head of meshes (N, 478, 3), the mean of both eyes.

    The head is turned back to the front, and the iris' way from the middle of the eye's corners is read as a turn of the eyeball.
    """
    frontal = np.einsum("npi,nij->npj", points * np.array([1, 1, -1], np.float32), turns)
    ways = [(frontal[:, iris] - frontal[:, [left, right]].mean(axis=1)) for left, right, _, _, iris in _EYES]
    widths = [np.linalg.norm(frontal[:, right] - frontal[:, left], axis=1) for left, right, *_ in _EYES]
    share = np.mean([way[:, :2] / width[:, None] for way, width in zip(ways, widths, strict=True)], axis=0)
    turned: F32 = np.degrees(np.arcsin(np.clip(share / IRIS_RADIUS, -1, 1))) * np.array([1, -1], np.float32)
    return turned.astype(np.float32)


def gaps(points: F32) -> F32:
    """(N, 2) height over width of the eyes' openings (mean of both eyes), and of the lips', of meshes (N, 478, 3)."""
    eyes = [_ratio(points, up, down, left, right) for left, right, up, down, _ in _EYES]
    return np.stack([np.mean(eyes, axis=0), _ratio(points, *_LIPS)], axis=1).astype(np.float32)


def _ratio(points: F32, up: int, down: int, left: int, right: int) -> F32:
    """(N,) distance of two points over that of two others, in the round."""
    high, wide = (np.linalg.norm(points[:, a] - points[:, b], axis=1) for a, b in ((up, down), (left, right)))
    ratio: F32 = high / np.maximum(wide, np.finfo(np.float32).tiny)
    return ratio
