"""Alignment on points and pictures whose answer is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.detect.alignment import SIDE, TEMPLATE, aligned, similarities, warped
from pipeline.media.types import F32, U8


def turned(points: F32, degrees: float, scale: float, shift: tuple[float, float]) -> F32:
    angle = np.radians(degrees)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (points @ turn.T + shift).astype(np.float32)


def waves(x: F32, y: F32) -> F32:
    """A smooth picture, 0 to 255, that is known between pixels too; its waves are 60 units long."""
    return np.stack([127.5 + 100 * np.sin(x * np.pi / 30 + k) * np.cos(y * np.pi / 30) for k in range(3)], axis=-1)


def waving(width: int, height: int, scale: float = 1) -> U8:
    x, y = np.meshgrid(np.arange(width) / scale, np.arange(height) / scale)
    return np.rint(waves(x, y)).astype(np.uint8)


@given(
    degrees=st.floats(-180, 180),
    scale=st.floats(0.1, 20),
    shift=st.tuples(st.floats(-500, 500), st.floats(-500, 500)),
)
def test_a_similarity_is_found_again(degrees: float, scale: float, shift: tuple[float, float]) -> None:
    (matrix,) = similarities(turned(TEMPLATE, degrees, scale, shift)[None])
    found = TEMPLATE @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(found, turned(TEMPLATE, degrees, scale, shift), atol=0.01 + scale * 0.01)


def test_the_fit_is_the_one_of_least_squares_in_the_crop() -> None:
    spots = TEMPLATE * 3 + np.float32([[0, 0], [4, -3], [-6, 2], [1, 5], [3, 3]])

    def error(matrix: F32) -> float:
        back = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]
        return float(((spots @ back[:, :2].T + back[:, 2] - TEMPLATE) ** 2).sum())

    (best,) = similarities(spots[None])
    for change in (1.001, 0.999):
        assert error(best * np.float32([change, change, 1])) > error(best)
    for step in (0.05, -0.05):
        assert error(best + np.float32([[0, 0, step], [0, 0, 0]])) > error(best)
        assert error(best + np.float32([[0, -step / 50, 0], [step / 50, 0, 0]])) > error(best)


def test_a_picture_in_place_is_copied() -> None:
    picture = waving(SIDE, SIDE)
    (crop,) = aligned(picture, TEMPLATE[None])
    np.testing.assert_allclose(crop, picture, atol=1)


@pytest.mark.parametrize("degrees", [0, 35, -120])
@pytest.mark.parametrize("scale", [0.6, 1.4, 2.5, 6.0])
def test_pixels_come_from_where_the_landmarks_say(degrees: float, scale: float) -> None:
    side = int(scale * 300)
    middle = (side / 2, side / 2)
    spots = turned(TEMPLATE - SIDE / 2, degrees, scale, middle)
    (crop,) = aligned(waving(side, side, scale), spots[None])
    places = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), axis=-1).astype(np.float32)
    x, y = np.moveaxis(turned(places - SIDE / 2, degrees, scale, middle), -1, 0) / scale
    assert abs(crop - waves(x, y)).max() < 4


def test_large_faces_do_not_alias() -> None:
    stripes = np.zeros((1200, 1200, 3), np.uint8)
    stripes[:, ::2] = 255
    (crop,) = aligned(stripes, (TEMPLATE * 7.3 + 100)[None])
    assert abs(crop.astype(float) - 127.5).max() < 15


def test_beyond_the_edges_it_is_black() -> None:
    white = np.full((80, 80, 3), 255, np.uint8)
    (crop,) = aligned(white, (TEMPLATE - 40)[None])
    assert (crop[:39, :39] == 0).all()
    assert (crop[42:, 42:] == 255).all()
    assert (warped(white, np.float32([[1, 0, 5000], [0, 1, 5000]]), 8) == 0).all()


def test_no_faces_make_no_crops() -> None:
    assert aligned(waving(20, 20), np.zeros((0, 5, 2), np.float32)).shape == (0, SIDE, SIDE, 3)
