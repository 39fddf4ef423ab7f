"""Quadrilaterals straightened into lines of one height."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.detect.text_crops import crop_width, part, reading, sides, straightened

FLAT = np.float32([[10, 20], [110, 20], [110, 45], [10, 45]])


def ramp(width: int, height: int) -> np.ndarray:
    """Red grows by one level per column, green per row."""
    rows, columns = np.indices((height, width))
    return np.stack([columns, rows, np.zeros_like(rows)], axis=-1).astype(np.uint8)


def test_an_upright_box_is_enlarged_in_place() -> None:
    crop = straightened(ramp(200, 100), FLAT, 192)
    assert crop.shape == (48, 192, 3)
    places = (np.arange(192) + 0.5) / 192 * 100 + 10 - 0.5
    assert crop[24, :, 0] == pytest.approx(places, abs=0.01)
    assert crop[[0, 47], 90, 1] == pytest.approx([20 - 0.5 + 25 / 96, 45 - 0.5 - 25 / 96], abs=0.01)


def test_a_large_box_is_averaged_down() -> None:
    stripes = np.zeros((400, 800, 3), np.uint8)
    stripes[:, ::2] = 200
    crop = straightened(stripes, np.float32([[0, 0], [800, 0], [800, 400], [0, 400]]), 96)
    assert crop[5:-5, 5:-5] == pytest.approx(100, abs=8)


def test_a_line_that_runs_down_is_read_from_its_top() -> None:
    tall = np.float32([[50, 10], [70, 10], [70, 90], [50, 90]])
    turned = reading(tall)
    assert sides(turned) == (80, 20)
    crop = straightened(ramp(100, 100), turned, crop_width(turned))
    assert np.all(np.diff(crop[24, :, 1]) > 0)
    assert np.all(np.diff(crop[:, 50, 0]) < 0)
    assert reading(FLAT) is FLAT


def test_what_lies_outside_of_the_picture_repeats_its_edge() -> None:
    crop = straightened(ramp(60, 60), np.float32([[-40, 10], [-5, 10], [-5, 30], [-40, 30]]), 84)
    assert crop[..., 0] == pytest.approx(0)


@given(st.floats(0, 1), st.floats(0, 1))
def test_parts_lie_along_the_line(begin: float, end: float) -> None:
    cut = part(FLAT, begin, end)
    assert cut[:, 0] == pytest.approx(10 + 100 * np.array([begin, end, end, begin]), abs=1e-3)
    assert cut[:, 1] == pytest.approx(FLAT[:, 1])


def test_degenerate_boxes_are_cut_without_harm() -> None:
    point = np.full((4, 2), 30, np.float32)
    assert straightened(ramp(60, 60), point, crop_width(point)).shape == (48, 8, 3)
