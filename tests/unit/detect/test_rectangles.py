"""Rectangles around points, and pieces of one line made one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.detect.rectangles import Rectangle, continuations, joined, smallest_rectangle, text_rectangle


def rectangle(x: float, y: float, width: float, height: float, degrees: float = 0) -> Rectangle:
    turn = np.radians(degrees)
    axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return Rectangle(np.array([x, y]), axes, np.array([width, height]) / 2)


@given(st.floats(-44, 44), st.floats(40, 120), st.floats(8, 20))
def test_the_smallest_rectangle_of_rotated_corners_is_that_rectangle(
    degrees: float, width: float, height: float
) -> None:
    wanted = rectangle(100, 80, width, height, degrees)
    assert smallest_rectangle(wanted.corners()).corners() == pytest.approx(wanted.corners(), abs=1e-6)


@given(st.floats(-40, 40))
def test_a_rectangle_holds_all_its_points(degrees: float) -> None:
    points = rectangle(50, 50, 60, 30, degrees).corners() + np.array([[3, 1], [-2, 4], [0, 0], [5, -3]])
    assert smallest_rectangle(points).grown(1e-6).covers(points).all()


def test_blobs_stay_upright_and_lines_stay_turned() -> None:
    angles = np.linspace(0, 2 * np.pi, 30)
    blob = np.stack([50 + 20 * np.cos(angles), 50 + 24 * np.sin(angles + 0.4)], axis=1)
    assert text_rectangle(blob).axes == pytest.approx(np.eye(2))
    line = rectangle(100, 80, 120, 20, 12)
    assert text_rectangle(line.corners()).corners() == pytest.approx(line.corners(), abs=1e-6)


@pytest.mark.parametrize(
    ("other", "together"),
    [
        (rectangle(170, 50, 80, 20), True),
        (rectangle(179, 53, 80, 24), True),
        (rectangle(190, 50, 80, 20), False),  # the gap is wider than the line is high
        (rectangle(150, 75, 80, 20), False),  # the next line
        (rectangle(150, 50, 80, 40), False),  # of another size
        (rectangle(145, 60, 80, 20, 30), False),  # in another direction
        (rectangle(105, 50, 20, 80), False),  # runs down
    ],
)
def test_pieces_of_one_line_belong_together(other: Rectangle, together: bool) -> None:
    links = continuations([rectangle(80, 50, 80, 20), other])
    assert links.tolist() == [[True, together], [together, True]]


def test_chains_of_pieces_become_one_with_the_best_score() -> None:
    pieces = [(rectangle(x, 50, 30, 20), score) for x, score in ((65, 0.7), (25, 0.5), (105, 0.9))]
    far = (rectangle(300, 50, 30, 20), 0.6)
    (whole, score), (alone, _) = sorted(joined([*pieces, far]), key=lambda pair: pair[0].centre[0])
    assert whole.corners() == pytest.approx(rectangle(65, 50, 110, 20).corners())
    assert score == 0.9
    assert alone is far[0]
    assert joined([]) == []


def test_a_turned_line_is_joined_along_itself() -> None:
    turn = np.radians(15)
    step = 60 * np.array([np.cos(turn), np.sin(turn)])
    pieces = [
        (Rectangle(np.array([100.0, 100.0]) + k * step, rectangle(0, 0, 1, 1, 15).axes, np.array([25.0, 10])), 0.8)
        for k in (0, 1)
    ]
    ((whole, _),) = joined(pieces)
    assert whole.half == pytest.approx([55, 10])
    assert np.degrees(np.arctan2(*whole.axes[0][::-1])) == pytest.approx(15)
