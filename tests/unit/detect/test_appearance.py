"""How people look, measured on painted pictures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.aggregate.likeness import LIMIT, likeness
from pipeline.detect.appearance import FLOOR, SIZE, AppearanceDetector, histograms
from pipeline.detect.columns import pack, unpack
from pipeline.detect.types import Appearances, Detections, Joined
from pipeline.media.types import F32, U8
from tests.support.stills import drawn

BOXES = np.float32([[0.1, 0.1, 0.2, 0.8], [0.6, 0.1, 0.2, 0.8]])
RED, GREEN, BLUE = (200, 40, 40), (40, 160, 60), (30, 40, 150)


def dressed(*people: tuple[tuple[int, int, int], tuple[int, int, int]], boxes: F32 = BOXES, size: int = 200) -> U8:
    """A picture of people in (shirt, trousers) before a grey wall."""
    picture = np.full((size, size, 3), 120, np.uint8)
    for (shirt, trousers), box in zip(people, boxes, strict=True):
        left, top, width, height = (box * size).astype(int)
        picture[top : top + height // 2, left : left + width] = shirt
        picture[top + height // 2 : top + height, left : left + width] = trousers
    return picture


def test_the_same_clothes_are_alike_and_others_are_not() -> None:
    one = histograms(dressed((RED, BLUE), (GREEN, BLUE)), BOXES)
    other = histograms(dressed((GREEN, BLUE), (RED, BLUE)), BOXES)
    found = likeness(one, other)
    assert found.shape == (2, 2)
    assert (found[[0, 1], [1, 0]] == LIMIT).all()
    assert (found[[0, 1], [0, 1]] < -1).all()


def test_shirt_and_trousers_are_not_confused() -> None:
    looks = histograms(dressed((RED, BLUE), (BLUE, RED)), BOXES)
    assert likeness(looks[:1], looks[1:])[0, 0] < 0


@given(st.integers(0, 40), st.integers(0, 1000))
def test_noise_and_a_little_light_change_little(light: int, seed: int) -> None:
    picture = dressed((RED, BLUE), (GREEN, BLUE)).astype(int)
    noise = np.random.default_rng(seed).normal(light / 4, 8, picture.shape)
    seen = histograms(np.clip(picture + noise, 0, 255).astype(np.uint8), BOXES)
    found = likeness(histograms(picture.astype(np.uint8), BOXES), seen)
    assert (found[[0, 1], [0, 1]] > 0).all()
    assert (found[[0, 1], [0, 1]] > found[[0, 1], [1, 0]]).all()


@pytest.mark.parametrize("size", [40, 200, 900])
def test_the_size_of_the_picture_does_not_matter(size: int) -> None:
    small, large = (histograms(dressed((RED, BLUE), (GREEN, BLUE), size=n), BOXES) for n in (size, 400))
    assert (np.diag(likeness(small, large)) > 2).all()


def test_rows_are_those_of_the_detections_and_only_people_are_looked_at() -> None:
    picture = dressed((RED, BLUE), (GREEN, BLUE))
    detector = AppearanceDetector()
    boxes = np.concatenate([BOXES, BOXES])
    objects = Detections(boxes, np.float32([0.9, 0.8, 0.7, FLOOR / 2]), np.array([0, 2, 0, 0]))
    (found,) = detector.detect([Joined(detector.prepare(drawn(picture)), objects)])
    assert found.vectors.shape == (4, SIZE)
    assert found.vectors.any(axis=1).tolist() == [True, False, True, False]
    assert np.array_equal(found.vectors[0], found.vectors[2])
    assert found.scene.shape == (32, 48)


def test_looks_are_stored_and_read_again() -> None:
    rows = [(n, Appearances(np.full((n, SIZE), n, np.uint8), np.full((32, 48), n, np.uint8))) for n in (0, 3, 1)]
    read = list(unpack(pack(rows)))
    assert [frame for frame, _ in read] == [0, 3, 1]
    for (_, one), (_, other) in zip(rows, read, strict=True):
        assert np.array_equal(one.vectors, other.vectors)
        assert np.array_equal(one.scene, other.scene)


def test_nobody_has_no_looks() -> None:
    assert histograms(dressed(boxes=BOXES[:0]), BOXES[:0]).shape == (0, SIZE)
