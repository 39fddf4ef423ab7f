"""Areas that polygons share."""

from math import cos, pi, sin

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.aggregate.regions import Polygon, area, is_mostly_inside, region_polygons, shared_area

UNIT = st.floats(0, 1)


def box(left: float, top: float, width: float, height: float) -> Polygon:
    return [(left, top), (left + width, top), (left + width, top + height), (left, top + height)]


def turned(x: float, y: float, width: float, height: float, angle: float) -> Polygon:
    return [
        (x + dx * cos(angle) - dy * sin(angle), y + dx * sin(angle) + dy * cos(angle))
        for dx, dy in box(-width / 2, -height / 2, width, height)
    ]


BOXES = st.builds(box, UNIT, UNIT, st.floats(0.01, 1), st.floats(0.01, 1))
WORDS = st.builds(turned, UNIT, UNIT, st.floats(0.05, 1), st.floats(0.05, 1), st.floats(-pi, pi))


def overlap(first: Polygon, second: Polygon) -> float:
    """Of two upright boxes."""
    sides = [max(0.0, min(first[2][axis], second[2][axis]) - max(first[0][axis], second[0][axis])) for axis in (0, 1)]
    return sides[0] * sides[1]


@given(BOXES, BOXES)
def test_upright_boxes_share_their_overlap(region: Polygon, word: Polygon) -> None:
    assert shared_area(region, word) == pytest.approx(overlap(region, word), abs=1e-9)


@given(WORDS, UNIT, UNIT, st.floats(0.1, 0.9))
def test_a_region_with_a_dent_shares_what_its_parts_share(word: Polygon, x: float, y: float, notch: float) -> None:
    dented = [(x, y), (x + 1, y), (x + 1, y + notch), (x + notch, y + notch), (x + notch, y + 1), (x, y + 1)]
    parts = box(x, y, 1, notch), box(x, y + notch, notch, 1 - notch)
    assert shared_area(dented, word) == pytest.approx(sum(shared_area(part, word) for part in parts), abs=1e-9)


@given(WORDS, WORDS)
def test_sharing_is_mutual_and_does_not_depend_on_the_direction_of_the_corners(first: Polygon, second: Polygon) -> None:
    shared = shared_area(first, second)
    assert shared == pytest.approx(shared_area(second, first), abs=1e-9)
    assert shared == pytest.approx(shared_area(first[::-1], second[::-1]), abs=1e-9)
    assert -1e-9 <= shared <= min(area(first), area(second)) + 1e-9


def test_areas_agree_with_counted_points() -> None:
    region, word = turned(0.5, 0.5, 0.7, 0.3, 0.4), turned(0.6, 0.45, 0.5, 0.5, -0.9)
    grid = np.stack(np.meshgrid(*[(np.arange(1000) + 0.5) / 500 - 0.5] * 2), axis=-1)
    inside = np.ones((1000, 1000), bool)
    for polygon in (region, word):
        for (ax, ay), (bx, by) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
            inside &= (bx - ax) * (grid[..., 1] - ay) - (by - ay) * (grid[..., 0] - ax) >= 0
    assert shared_area(region, word) == pytest.approx(inside.mean() * 4, abs=1e-3)


def test_half_is_not_more_than_half() -> None:
    word = box(0.4, 0.4, 0.2, 0.1)
    assert not is_mostly_inside(word, box(0.5, 0, 0.5, 1))
    assert is_mostly_inside(word, box(0.49, 0, 0.5, 1))


def test_regions_are_boxes_and_polygons() -> None:
    triangle = [{"X": 0.0, "Y": 0.0}, {"X": 1.0, "Y": 0.0}, {"X": 0.5, "Y": 1.0}]
    sent = [{"BoundingBox": {"Left": 0.25, "Top": 0.5, "Width": 0.5, "Height": 0.25}}, {"Polygon": triangle}, {}]
    assert region_polygons(sent) == [
        [(0.25, 0.5), (0.75, 0.5), (0.75, 0.75), (0.25, 0.75)],
        [(0.0, 0.0), (1.0, 0.0), (0.5, 1.0)],
    ]
