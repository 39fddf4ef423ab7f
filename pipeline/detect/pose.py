"""Head pose from five landmarks: a weak-perspective fit of a mean face, in closed form.

The mean face is the usual eyes-nose-mouth layout of the 5-point alignment template (inter-ocular distance 1), with the nose tip half
an inter-ocular distance in front of the eyes' plane and the mouth corners slightly behind the nose's root. Five points under weak
perspective give the first two rows of a scaled rotation by least squares; they are made orthonormal (nearest rotation), and the
Euler angles follow.

Source: Gee and Cipolla, "Determining the gaze of faces in images", 1994, for the proportions; DeMenthon and Davis, "Model-based object
pose in 25 lines of code", 1995, for the scaled orthographic fit.
"""

import numpy as np

from pipeline.media.types import F32

# Eye on the picture's left, eye on the right, nose tip, mouth left, mouth right; x right, y down, z towards the viewer.
MEAN_FACE = np.array(
    [[-0.5, 0.0, 0.0], [0.5, 0.0, 0.0], [0.0, 0.60, 0.50], [-0.39, 1.09, 0.10], [0.39, 1.09, 0.10]], np.float64
)
_CENTRED = MEAN_FACE - MEAN_FACE.mean(axis=0)
_SOLVE = np.linalg.pinv(_CENTRED)


def poses(landmarks: F32) -> F32:
    """(N, 3) degrees roll, yaw, pitch of faces with landmarks (N, 5, 2) in pixels that are square.

    Roll turns clockwise in the picture, yaw is positive towards the picture's right, pitch is positive upwards.
    """
    if not len(landmarks):
        return np.zeros((0, 3), np.float32)
    return np.stack([angles(_rotation(points)) for points in landmarks.astype(np.float64)]).astype(np.float32)


def _rotation(points: np.ndarray) -> np.ndarray:
    """The (3, 3) rotation whose scaled projection of the mean face comes nearest to the points (5, 2)."""
    rows = (_SOLVE @ (points - points.mean(axis=0))).T
    left, _, right = np.linalg.svd(rows, full_matrices=False)
    first, second = left @ right
    return np.stack([first, second, np.cross(first, second)])


def angles(rotation: np.ndarray) -> np.ndarray:
    """Roll, yaw, pitch in degrees of R = Rz(roll) Ry(yaw) Rx(pitch) in the picture's axes."""
    roll = np.arctan2(rotation[1, 0], rotation[0, 0])
    yaw = -np.arcsin(np.clip(rotation[2, 0], -1, 1))
    pitch = np.arctan2(rotation[2, 1], rotation[2, 2])
    return np.degrees([roll, yaw, pitch])
