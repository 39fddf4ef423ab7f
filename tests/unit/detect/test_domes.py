"""Bright domes on heads seen from behind, in pictures of 200 by 400 pixels with a head 40 wide and 50 high."""

import numpy as np
import pytest

from pipeline.detect.domes import domed
from pipeline.media.types import F32, U8

HEIGHT, WIDTH = 400, 200
HEAD = np.array([80 / WIDTH, 60 / HEIGHT, 40 / WIDTH, 50 / HEIGHT], np.float32)
GREY, HAIR, YELLOW, SHIRT = (140, 145, 150), (60, 45, 35), (235, 195, 30), (40, 60, 120)
Colour = tuple[int, int, int]


def walker(dome: Colour, *, below: Colour = HAIR, background: Colour = GREY, shift: float = 0) -> U8:
    """Somebody from behind: the dome is as wide as the head and its upper half high."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    picture = np.full((HEIGHT, WIDTH, 3), background, np.uint8)
    picture[110:300, 60:140] = SHIRT
    across, along = (columns - 100 - shift) / 20, (rows - 85) / 25
    picture[(across**2 + along**2 < 1) & (along >= 0)] = below
    picture[(across**2 + along**2 < 1) & (along < 0)] = dome
    return picture


@pytest.mark.parametrize("colour", [YELLOW, (220, 105, 20), (200, 30, 30), (30, 80, 190), (40, 140, 60)])
def test_hard_hats_of_the_usual_colours_are_domes(colour: Colour) -> None:
    assert domed(walker(colour), HEAD)


@pytest.mark.parametrize("shift", [-18, -10, 10, 18])
def test_the_head_may_be_beside_the_middle(shift: float) -> None:
    assert domed(walker(YELLOW, shift=shift), HEAD)


@pytest.mark.parametrize(
    "colour", [HAIR, (20, 18, 17), (150, 115, 80), (225, 180, 150), (240, 240, 238), (160, 160, 165)]
)
def test_hair_and_skin_are_none(colour: Colour) -> None:
    assert not domed(walker(colour), HEAD)


def test_hoods_go_on_below_and_walls_beside() -> None:
    assert not domed(walker(YELLOW, below=YELLOW), HEAD)
    assert not domed(walker(YELLOW, background=YELLOW), HEAD)
    assert not domed(walker(HAIR, background=YELLOW), HEAD)


def test_patterns_are_none() -> None:
    picture = walker(YELLOW)
    striped = np.array(picture)
    striped[::4], striped[1::4] = walker((200, 30, 30))[::4], walker((40, 60, 190))[1::4]
    assert domed(picture, HEAD)
    assert not domed(striped, HEAD)


@pytest.mark.parametrize(
    "head", [(-0.5, -0.5, 0.1, 0.1), (0.95, 0.97, 0.3, 0.3), (0, 0, 1, 1), (0.5, 0.5, 1e-6, 1e-6), (2, 2, 1, 1)]
)
def test_heads_anywhere_are_looked_at(head: tuple[float, ...]) -> None:
    box: F32 = np.array(head, np.float32)
    assert not domed(np.full((HEIGHT, WIDTH, 3), GREY, np.uint8), box)
    assert not domed(np.full((1, 1, 3), YELLOW, np.uint8), box)
