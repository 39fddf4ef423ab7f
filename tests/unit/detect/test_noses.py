"""Noses over and under masks, by colour alone, on painted faces."""

import numpy as np
import pytest

from pipeline.detect.noses import covered_noses
from pipeline.detect.types import Faces
from pipeline.media.types import U8

SKIN, BLUE, BLACK = (205, 160, 135), (110, 170, 200), (30, 30, 34)
SPOTS = np.array([[[0.4, 0.4], [0.6, 0.4], [0.5, 0.5], [0.42, 0.6], [0.58, 0.6]]], np.float32)


def painted(mask: tuple[int, int, int], top: float, skin: tuple[int, int, int] = SKIN) -> U8:
    """A face of 200 by 200 pixels with a mask from this height downwards."""
    picture = np.full((200, 200, 3), skin, np.uint8)
    picture[int(200 * top) :] = mask
    noise = np.random.default_rng(1).normal(0, 6, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def face(spots: np.ndarray = SPOTS) -> Faces:
    count = len(spots)
    boxes = np.tile(np.array([0.3, 0.25, 0.4, 0.45], np.float32), (count, 1))
    return Faces(
        boxes, np.ones(count, np.float32), spots, np.zeros((count, 3), np.float32), np.zeros((count, 2), np.float32)
    )


def covered(picture: U8, usual: float = 0.7, spots: np.ndarray = SPOTS) -> float:
    return float(covered_noses(picture, face(spots), np.array([usual], np.float32))[0])


@pytest.mark.parametrize("mask", [BLUE, BLACK])
@pytest.mark.parametrize("skin", [SKIN, (95, 60, 45)])
def test_a_mask_is_over_the_nose_or_under_it(mask: tuple[int, int, int], skin: tuple[int, int, int]) -> None:
    over, under = covered(painted(mask, 0.45, skin)), covered(painted(mask, 0.56, skin))
    assert over > 0.7
    assert under < 0.4
    assert over - under > 0.4


def test_where_mask_and_skin_look_alike_the_usual_is_answered() -> None:
    assert covered(painted(SKIN, 0.45), usual=0.7) == pytest.approx(0.7, abs=0.1)
    assert covered(painted(SKIN, 0.45), usual=0.2) == pytest.approx(0.2, abs=0.1)


def test_faces_that_reach_out_of_the_picture_have_an_answer() -> None:
    for shift in (-1.0, 0.9):
        assert 0 <= covered(painted(BLUE, 0.45), spots=SPOTS + np.float32(shift)) <= 1


def test_no_faces_have_no_noses() -> None:
    assert covered_noses(painted(BLUE, 0.45), face(SPOTS[:0]), np.zeros(0, np.float32)).shape == (0,)
