"""Landmarks found again, with a detector that sees one coloured spot per landmark."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.detect.alignment import TEMPLATE
from pipeline.detect.landmarks import LandmarkFinder
from pipeline.media.types import F32, U8

COLOURS = np.uint8([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [0, 255, 255]])


class SpotSeer:
    """Answers like YuNet about one face, in its largest cells; the landmarks are the middles of the spots it sees."""

    version = "1"
    metadata: Mapping[str, str] = {}

    def __init__(self, score: float = 0.9) -> None:
        self._score = score

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        planes = inputs["input"]
        side = planes.shape[2]
        cells = [(side // stride) ** 2 for stride in (8, 16, 32)]
        shapes = {1: 2, 4: 1, 10: 1}
        heads = [
            np.zeros((len(planes), n, k), np.float32)
            for k, times in shapes.items()
            for _ in range(times)
            for n in cells
        ]
        for row, crop in enumerate(planes):
            spots = np.stack([seen(crop[::-1], colour) for colour in COLOURS]) + 0.5
            across = side // 32
            column, line = (int(v // 32) for v in spots.mean(axis=0))
            place, edge = line * across + column, np.float32([column, line]) * 32
            heads[2][row, place] = heads[5][row, place] = self._score
            heads[8][row, place, :2] = (spots.mean(axis=0) - edge) / 32
            heads[11][row, place] = ((spots - edge) / 32).reshape(-1)
        return heads


def seen(planes: F32, colour: U8) -> F32:
    rows, columns = np.nonzero(((planes > 128) == (colour > 128)[:, None, None]).all(axis=0))
    return np.float32([columns.mean(), rows.mean()])


def spotted(spots: F32, radius: float) -> U8:
    """A black picture with a disc per landmark, each of its own colour."""
    rows, columns = np.mgrid[:400, :400]
    picture = np.zeros((400, 400, 3), np.uint8)
    for (x, y), colour in zip(spots, COLOURS, strict=True):
        picture[(columns - x) ** 2 + (rows - y) ** 2 < radius**2] = colour
    return picture


def test_landmarks_move_towards_what_is_seen() -> None:
    true = (TEMPLATE * 2 + 80).astype(np.float32)
    guess = true + np.float32([[4, 2], [-3, 1], [2, -4], [0, 3], [1, 1]])
    found = LandmarkFinder(SpotSeer()).found(spotted(true, 9), guess[None])
    np.testing.assert_allclose(found[0], (true * 2 + guess) / 3, atol=0.8)


def test_landmarks_stay_where_no_face_is_seen() -> None:
    true = (TEMPLATE * 2 + 80).astype(np.float32)
    found = LandmarkFinder(SpotSeer(score=0.4)).found(spotted(true, 9), true[None] + 3)
    np.testing.assert_allclose(found[0], true + 3, atol=1e-3)


def test_no_faces_need_no_look() -> None:
    none = np.zeros((0, 5, 2), np.float32)
    assert LandmarkFinder(SpotSeer()).found(spotted(TEMPLATE, 3), none).shape == (0, 5, 2)
