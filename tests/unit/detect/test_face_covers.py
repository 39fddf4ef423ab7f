"""Crops of the lower face: where they lie, and that they are stretched."""

import numpy as np
import pytest

from pipeline.detect.face_covers import FOREHEAD, ROOMS, lower, stretched


@pytest.mark.parametrize("room", ROOMS)
def test_the_forehead_is_left_out_and_the_chin_has_room(room: float) -> None:
    left, top, right, bottom = lower(np.array([100, 50, 200, 250], np.float32), room)
    assert (left, right) == pytest.approx((100 - 100 * room, 200 + 100 * room))
    assert (top, bottom) == pytest.approx((50 + 200 * FOREHEAD, 250 + 200 * room))


def test_a_box_is_stretched_to_a_square() -> None:
    picture = np.zeros((100, 200, 3), np.uint8)
    picture[20:60, 50:150, 0] = 200
    found = stretched(picture, np.array([50, 20, 150, 60], np.float32), 32)
    assert found.shape == (32, 32, 3)
    assert np.allclose(found[4:-4, 4:-4, 0], 200, atol=1)
    wider = stretched(picture, np.array([0, 0, 200, 80], np.float32), 32)
    assert wider[..., 0].mean() == pytest.approx(200 * 0.25, abs=5)
    assert wider[16, 16, 0] > 190
    assert wider[16, 2, 0] == wider[2, 16, 0] == 0


def test_what_lies_outside_the_picture_repeats_its_edge() -> None:
    picture = np.full((50, 50, 3), 90, np.uint8)
    assert np.allclose(stretched(picture, np.array([-40, 30, 20, 90], np.float32), 16), 90, atol=1)
