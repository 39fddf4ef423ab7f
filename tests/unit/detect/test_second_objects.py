"""EfficientDet's numbers become boxes of COCO's 80 classes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.detect.second_objects import COLUMNS, KEPT, NEVER, SecondObjectDetector, candidates


class Network:
    """Answers what it was given, once per picture."""

    version = "1"
    metadata: Mapping[str, str] = {}

    def __init__(self, *rows: tuple[list[float], dict[int, float]]) -> None:
        self.boxes = np.array([box for box, _ in rows], np.float32).reshape(-1, 4)
        self.scores = np.zeros((len(rows), 90), np.float32)
        for row, (_, scores) in enumerate(rows):
            for category, score in scores.items():
                self.scores[row, category - 1] = score

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        count = len(inputs["image"])
        return [np.stack([self.boxes] * count), np.stack([self.scores] * count)]


PERSON, STREET_SIGN, STOP_SIGN, TOOTHBRUSH = 1, 12, 13, 90
"""Ids among COCO's 90 categories; source: its annotations."""
PICTURE = np.zeros((448, 448, 3), np.uint8)


def test_eighty_classes_are_numbered_without_gaps() -> None:
    assert len(COLUMNS) == 80
    assert not {int(column) + 1 for column in COLUMNS} & set(NEVER)
    scores = np.zeros((1, 90), np.float32)
    scores[0, [PERSON - 1, STOP_SIGN - 1, TOOTHBRUSH - 1]] = 0.9, 0.8, 0.7
    assert candidates(scores, 0.5)[1].tolist() == [0, 11, 79]


def test_categories_that_never_occur_are_left_out() -> None:
    found = SecondObjectDetector(Network(([0.1, 0.1, 0.5, 0.5], {STREET_SIGN: 0.99}))).detect([PICTURE])[0]
    assert found.boxes.shape == (0, 4)
    assert len(found.scores) == len(found.classes) == 0


def test_boxes_are_turned_round_and_end_at_the_edges() -> None:
    network = Network(([-0.1, 0.25, 0.5, 1.5], {PERSON: 0.9}))
    (found,) = SecondObjectDetector(network).detect([PICTURE])
    assert np.allclose(found.boxes, [[0.25, 0.0, 0.75, 0.5]])
    assert np.allclose(found.scores, [0.9])
    assert found.boxes.dtype == found.scores.dtype == np.float32


def test_doubles_go_class_by_class() -> None:
    near, far = [0.1, 0.1, 0.5, 0.5], [0.6, 0.6, 0.9, 0.9]
    moved = [0.12, 0.1, 0.52, 0.5]
    network = Network((near, {PERSON: 0.8}), (moved, {PERSON: 0.9, STOP_SIGN: 0.4}), (far, {PERSON: 0.3}))
    (found,) = SecondObjectDetector(network).detect([PICTURE])
    assert found.classes.tolist() == [0, 11, 0]
    assert np.allclose(found.scores, [0.9, 0.4, 0.3])


def test_the_floor_holds_and_every_picture_is_answered() -> None:
    network = Network(([0.1, 0.1, 0.5, 0.5], {PERSON: 0.2}), ([0.5, 0.5, 0.9, 0.9], {PERSON: 0.04}))
    both = SecondObjectDetector(network, batch=2).detect([PICTURE, PICTURE])
    assert [len(found.scores) for found in both] == [1, 1]


def test_no_more_than_the_best_are_kept() -> None:
    places = [(0.03 * (n % 20), 0.03 * (n // 20)) for n in range(2 * KEPT)]
    rows = [([y, x, y + 0.02, x + 0.02], {PERSON: 0.1 + n / 1000}) for n, (x, y) in enumerate(places)]
    (found,) = SecondObjectDetector(Network(*rows)).detect([PICTURE])
    assert len(found.scores) == KEPT
    assert np.allclose(found.scores[0], 0.1 + (2 * KEPT - 1) / 1000)
