"""Faces of animals are not of people."""

import numpy as np
import pytest

from pipeline.detect.types import Detections, Faces
from pipeline.images.labels import of_people

PERSON, CAT, DOG, CHAIR = 0, 15, 16, 56
FACE = (0.4, 0.2, 0.1, 0.1)
AROUND = (0.3, 0.1, 0.4, 0.6)
BESIDE = (0.6, 0.1, 0.3, 0.6)


def faces(*boxes: tuple[float, ...]) -> Faces:
    count = len(boxes)
    empty = np.zeros((count, 5, 2), np.float32), np.zeros((count, 3), np.float32), np.zeros((count, 2), np.float32)
    return Faces(np.array(boxes, np.float32).reshape(-1, 4), np.ones(count, np.float32), *empty)


def objects(*found: tuple[tuple[float, ...], float, int]) -> Detections:
    boxes, scores, classes = zip(*found, strict=True) if found else ((), (), ())
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32), np.array(classes, np.int64)
    )


@pytest.mark.parametrize(
    ("found", "left"),
    [
        ([], 1),
        ([(AROUND, 0.9, DOG)], 0),
        ([(AROUND, 0.4, DOG)], 1),  # hardly an animal
        ([(BESIDE, 0.9, CAT)], 1),
        ([(AROUND, 0.9, CHAIR)], 1),
        ([(AROUND, 0.9, CAT), (AROUND, 0.1, PERSON)], 1),  # somebody holds it
        ([(AROUND, 0.9, CAT), (BESIDE, 0.9, PERSON)], 0),
    ],
)
def test_a_face_in_an_animal_is_not_of_a_person(found: list[tuple[tuple[float, ...], float, int]], left: int) -> None:
    assert len(of_people(faces(FACE), objects(*found)).scores) == left


def test_pictures_without_faces_have_none_of_people() -> None:
    assert len(of_people(faces(), objects((AROUND, 0.9, DOG))).scores) == 0
