"""CIELAB and the names of colours, against published values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.colors.lab import to_lab, to_rgb
from pipeline.colors.names import SIMPLE, named, nearest

CHANNEL = st.integers(0, 255)


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [  # Source: Bruce Lindbloom's calculator, sRGB and D65.
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0, 0)),
    ],
)
def test_lab_is_what_is_published(rgb: tuple[int, int, int], lab: tuple[float, float, float]) -> None:
    assert to_lab(np.array([rgb], np.float64))[0] == pytest.approx(lab, abs=0.01)


@given(st.lists(st.tuples(CHANNEL, CHANNEL, CHANNEL), min_size=1, max_size=20))
def test_the_way_back_is_exact(colours: list[tuple[int, int, int]]) -> None:
    rgb = np.array(colours, np.float64)
    assert to_rgb(to_lab(rgb)) == pytest.approx(rgb, abs=1e-6)


def test_the_table_is_that_of_css() -> None:
    assert len(named()) == len({colour.name for colour in named()}) == len({colour.rgb for colour in named()}) == 138
    assert {colour.simple for colour in named()} == SIMPLE
    assert len(SIMPLE) == 12
    by_name = {colour.name: colour for colour in named()}
    assert by_name["darkolivegreen"].rgb == (85, 107, 47)
    assert by_name["cornflowerblue"].rgb == (100, 149, 237)
    assert by_name["gold"].rgb == (255, 215, 0)


def test_named_colours_are_nearest_to_themselves() -> None:
    assert list(nearest(np.array([colour.rgb for colour in named()], np.float64))) == list(named())


@pytest.mark.parametrize(
    ("rgb", "name", "simple"),
    [
        ((250, 5, 3), "red", "red"),
        ((44, 80, 82), "darkslategrey", "grey"),
        ((130, 127, 129), "gray", "grey"),
        ((3, 2, 4), "black", "black"),
        ((253, 254, 251), "white", "white"),
        ((250, 250, 4), "yellow", "yellow"),
        ((70, 132, 178), "steelblue", "blue"),
        ((253, 163, 6), "orange", "orange"),
    ],
)
def test_a_colour_has_the_name_of_what_it_looks_like(rgb: tuple[int, int, int], name: str, simple: str) -> None:
    (found,) = nearest(np.array([rgb], np.float64))
    assert (found.name, found.simple) == (name, simple)
