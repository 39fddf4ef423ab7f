import numpy as np
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from hypothesis import given
from hypothesis import strategies as st

from pipeline.detect import mesh
from pipeline.detect.crops import crop, moved, reduced, turned_square
from pipeline.media.types import F32

ANGLES = st.floats(-40, 40)
RNG = np.random.default_rng(11)
PICTURE = RNG.integers(0, 256, (90, 120, 3), dtype=np.uint8)


def turn(roll: float, yaw: float, pitch: float) -> np.ndarray:
    r, y, p = np.radians([roll, yaw, pitch])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    return about_z @ about_y @ about_x


def face(
    roll: float = 0, yaw: float = 0, pitch: float = 0, irises: tuple[float, float] = (0, 0), eyes: float = 0.3
) -> F32:
    """(1, 478, 3) a mesh whose points are those of the model where it has any; irises moved by shares of the eye's width."""
    points = np.zeros((mesh.POINTS, 3))
    points[mesh._MODEL[:, 0].astype(int)] = mesh._MODEL[:, 1:] * (1, -1, 1)
    for left, right, up, down, iris in mesh._EYES:
        middle, width = points[[left, right]].mean(axis=0), np.linalg.norm(points[left] - points[right])
        half = np.array([0, width * eyes / 2, 0])
        points[up], points[down] = middle - half, middle + half
        points[iris] = middle + np.array([*irises, 0]) * width
    turned = points @ turn(roll, yaw, pitch).T * 20 + [300, 200, 0]
    return (turned * (1, 1, -1)).astype(np.float32)[None]


@given(ANGLES, ANGLES, ANGLES)
def test_pose_is_that_by_which_the_face_was_turned(roll: float, yaw: float, pitch: float) -> None:
    assert np.allclose(mesh.mesh_poses(mesh.rotations(face(roll, yaw, pitch))), [[roll, yaw, pitch]], atol=0.1)


@given(ANGLES, ANGLES, ANGLES)
def test_gaze_does_not_depend_on_the_pose(roll: float, yaw: float, pitch: float) -> None:
    points = face(roll, yaw, pitch, irises=(0.21, -0.1))
    # Sines of half and of a quarter of the way from the iris to the middle of the eyeball.
    wanted = np.degrees(np.arcsin([0.21 / 0.42, 0.1 / 0.42]))
    assert np.allclose(mesh.gazes(points, mesh.rotations(points)), [wanted], atol=1.0)


@given(ANGLES, ANGLES, st.floats(0, 0.5))
def test_gaps_are_measured_in_the_round(yaw: float, pitch: float, eyes: float) -> None:
    assert mesh.gaps(face(0, yaw, pitch, eyes=eyes))[0, 0] == pytest.approx(eyes, abs=1e-3)


def test_landmarks_are_those_of_the_api() -> None:
    service = ServiceModel(Loader().load_service_model("rekognition", "service-2"))
    assert set(mesh.LANDMARKS) == set(service.shape_for("LandmarkType").enum)
    assert len(mesh.LANDMARKS) == 30


def test_no_faces_make_empty_columns() -> None:
    nobody = np.zeros((0, mesh.POINTS, 3), np.float32)
    turns = mesh.rotations(nobody)
    assert mesh.mesh_poses(turns).shape == (0, 3)
    assert mesh.gazes(nobody, turns).shape == mesh.gaps(nobody).shape == (0, 2)
    assert mesh.named(nobody).shape == (0, 30, 2)


def test_a_crop_at_its_own_size_is_the_picture() -> None:
    found = crop(PICTURE, np.array([[1, 0, 30], [0, 1, 20]], np.float32), 40)
    assert np.allclose(found, PICTURE[20:60, 30:70])


def test_beyond_the_edge_the_picture_repeats_it() -> None:
    found = crop(PICTURE, np.array([[1, 0, -10], [0, 1, 20]], np.float32), 40)
    assert np.allclose(found[:, :10], PICTURE[20:60, :1])
    assert np.allclose(found[:, 10:], PICTURE[20:60, :30])
    elsewhere = crop(PICTURE, np.array([[1, 0, 500], [0, 1, 500]], np.float32), 8)
    assert np.allclose(elsewhere, PICTURE[-1, -1])


@pytest.mark.parametrize("scale", [1.0, 1.7, 2.6, 3.0, 4.4])
def test_a_smaller_crop_stays_in_its_place_and_does_not_alias(scale: float) -> None:
    y, x = np.mgrid[:150, :200].astype(np.float32)
    slope = np.stack([x, y, 10 + (x + y) % 2], axis=2).astype(np.uint8)
    places = np.mgrid[:20, :20].astype(np.float32) * scale
    found = crop(slope, np.array([[scale, 0, 21], [0, scale, 11]], np.float32), 20)
    assert np.allclose(found[..., 0], places[1] + 21, atol=0.02)
    assert np.allclose(found[..., 1], places[0] + 11, atol=0.02)
    # A checkerboard becomes grey instead of stripes.
    assert scale < 2 or np.ptp(found[..., 2]) < 0.4


@given(st.integers(1, 9))
def test_averaging_keeps_a_flat_picture(factor: int) -> None:
    assert np.allclose(reduced(np.full((13, 17, 3), 77, np.uint8), factor), 77)


@given(st.floats(-180, 180), st.floats(20, 300))
def test_the_middle_of_a_square_stays_where_it_was(roll: float, length: float) -> None:
    matrix = turned_square(np.array([50, 40], np.float32), length, roll, 64)
    assert np.allclose(moved(np.array([31.5, 31.5], np.float32), matrix), [50, 40], atol=1e-3)
    right = moved(np.array([63.5, 31.5], np.float32), matrix) - [50, 40]
    assert np.allclose(right, length / 2 * np.array([np.cos(np.radians(roll)), np.sin(np.radians(roll))]), atol=1e-2)
