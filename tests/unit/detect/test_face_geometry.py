import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from pipeline.detect.faces import corners, grid, points, scored
from pipeline.detect.pose import MEAN_FACE, poses
from pipeline.detect.quality import brightness, qualities, resampled, sharpness
from pipeline.media.types import F32

ANGLES = st.floats(-60, 60)
RANDOM = np.random.default_rng(7)
NOISE: F32 = RANDOM.uniform(0, 255, (96, 80)).astype(np.float32)


def turned(roll: float, yaw: float, pitch: float) -> np.ndarray:
    """The mean face after pitch, then yaw, then roll; towards the picture's right and up are positive, roll clockwise."""
    r, y, p = np.radians([roll, yaw, pitch])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    return MEAN_FACE @ (about_z @ about_y @ about_x).T


@given(ANGLES, st.floats(10, 500))
def test_pose_of_a_frontal_face_that_is_rolled(roll: float, scale: float) -> None:
    spots = turned(roll, 0, 0)[None, :, :2] * scale + 40
    assert np.allclose(poses(spots.astype(np.float32)), [[roll, 0, 0]], atol=0.1)


@given(ANGLES, st.floats(10, 500))
def test_pose_of_a_face_turned_to_a_side(yaw: float, scale: float) -> None:
    spots = turned(0, yaw, 0)[None, :, :2] * scale
    assert np.allclose(poses(spots.astype(np.float32)), [[0, yaw, 0]], atol=0.1)


@given(st.floats(-30, 30), st.floats(-45, 45), st.floats(-30, 30))
def test_pose_of_a_face_turned_all_ways(roll: float, yaw: float, pitch: float) -> None:
    found = poses(turned(roll, yaw, pitch)[None, :, :2].astype(np.float32))
    assert np.allclose(found, [[roll, yaw, pitch]], atol=0.2)


def test_looking_up_is_a_positive_pitch_and_right_a_positive_yaw() -> None:
    face = MEAN_FACE[None, :, :2].astype(np.float32) * 100
    nose_up, nose_right = face.copy(), face.copy()
    nose_up[0, 2, 1] -= 15
    nose_right[0, 2, 0] += 15
    assert poses(nose_up)[0, 2] > 5
    assert poses(nose_right)[0, 1] > 5


def test_no_faces_have_no_poses_and_no_qualities() -> None:
    assert poses(np.zeros((0, 5, 2), np.float32)).shape == (0, 3)
    assert qualities(np.zeros((9, 9, 3), np.uint8), np.zeros((0, 4), np.float32)).shape == (0, 2)


@given(st.integers(0, 255))
def test_brightness_of_a_flat_face_and_its_missing_sharpness(level: int) -> None:
    found = qualities(np.full((40, 40, 3), level, np.uint8), np.array([[5, 5, 30, 35], [-9, -9, 99, 99]], np.float32))
    assert np.allclose(found[:, 0], level / 255 * 100, atol=0.01)
    assert found[:, 1].tolist() == [0, 0]


def test_sharpness_falls_with_every_blur() -> None:
    found = [sharpness(gaussian_filter(NOISE, sigma, mode="nearest")) for sigma in (0, 1, 2, 4, 8)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 80
    assert found[-1] < 20
    assert all(0 <= value <= 100 for value in found)


def test_a_face_outside_of_the_picture_is_measured_at_its_edge() -> None:
    pixels = np.zeros((20, 20, 3), np.uint8)
    pixels[-1, -1] = 255
    found = qualities(pixels, np.array([[30, 30, 40, 40]], np.float32))
    assert np.allclose(found[0, 0], 100)


@given(st.integers(1, 90), st.integers(1, 90))
def test_resampling_keeps_the_range(height: int, width: int) -> None:
    patch = NOISE[:height, :width]
    resized = resampled(patch, 16)
    assert resized.shape == (16, 16)
    assert patch.min() - 0.01 <= resized.min() <= resized.max() <= patch.max() + 0.01
    assert 0 <= brightness(resized) <= 100


@given(st.integers(0, 3839), st.floats(2, 300), st.floats(2, 300), st.floats(-1, 1), st.floats(-1, 1))
def test_faces_decode_to_what_was_encoded(cell: int, width: float, height: float, dx: float, dy: float) -> None:
    cells = grid((640, 384))[cell : cell + 1]
    left, top, stride = cells[0]
    middle = np.array([left + dx * stride, top + dy * stride])
    head = np.array([[dx, dy, np.log(width / stride), np.log(height / stride)]], np.float32)
    half = np.array([width, height]) / 2
    expected = [*(middle - half), *(middle + half)]
    assert np.allclose(corners(head, cells), [expected], atol=0.05)
    spots = points(np.tile(np.array([[dx, dy]], np.float32), 5), cells)
    assert np.allclose(spots[0], np.tile(middle, (5, 1)), atol=0.01)


def test_cells_cover_the_picture_at_three_strides() -> None:
    cells = grid((640, 384))
    assert len(cells) == 80 * 48 + 40 * 24 + 20 * 12
    assert cells[:2].tolist() == [[0, 0, 8], [8, 0, 8]]
    assert cells[-1].tolist() == [608, 352, 32]


def test_score_is_the_geometric_mean_of_the_heads() -> None:
    assert np.allclose(scored(np.float32([0.81, 1.5, 0]), np.float32([1, 1, 1])), [0.9, 1, 0])
