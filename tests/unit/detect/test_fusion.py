"""Two detectors' objects as one answer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.detect.fusion import UNSEEN, fused, score
from pipeline.detect.objects import SCORE_FLOOR
from pipeline.detect.types import Detections

Found = tuple[tuple[float, float, float, float], float, int]
BOX = (0.2, 0.2, 0.4, 0.4)
SIDES = st.floats(0.05, 0.4)
FOUND = st.lists(
    st.tuples(st.tuples(SIDES, SIDES, SIDES, SIDES), st.floats(UNSEEN, 1.0), st.integers(0, 2)), max_size=6
)


def detections(*found: Found) -> Detections:
    boxes, scores, classes = zip(*sorted(found, key=lambda f: -f[1]), strict=True) if found else ((), (), ())
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32), np.array(classes, np.int64)
    )


def one(value: float) -> np.ndarray:
    return np.array([value], np.float32)


def test_what_both_see_is_surer_than_what_one_sees() -> None:
    both = fused(detections((BOX, 0.6, 0)), detections((BOX, 0.6, 0))).scores
    alone = fused(detections((BOX, 0.6, 0)), detections()).scores
    assert both[0] > 0.8
    assert alone[0] < 0.4


def test_the_formula() -> None:
    assert score(one(0.5), one(0.5)) == pytest.approx(5 / 6)
    assert score(one(0.8), one(0.5)) == pytest.approx(40 / 41)
    assert score(one(0.5), one(0.0)) == pytest.approx(5 / 24)
    assert score(one(0.5), one(UNSEEN)) == pytest.approx(5 / 24)


def test_a_box_lies_between_nearer_to_the_surer() -> None:
    found = fused(detections(((0.2, 0.2, 0.4, 0.4), 0.75, 3)), detections(((0.24, 0.2, 0.4, 0.4), 0.25, 3)))
    assert np.allclose(found.boxes, [[0.21, 0.2, 0.4, 0.4]])
    assert found.classes.tolist() == [3]


def test_other_classes_and_other_places_stay_apart() -> None:
    first = detections((BOX, 0.9, 0), ((0.7, 0.7, 0.2, 0.2), 0.9, 1))
    second = detections((BOX, 0.95, 2), ((0.0, 0.7, 0.2, 0.2), 0.95, 1))
    assert sorted(fused(first, second).classes.tolist()) == [0, 1, 1, 2]


def test_each_object_has_one_partner_the_nearest() -> None:
    first = detections(((0.2, 0.2, 0.4, 0.4), 0.9, 0))
    second = detections(((0.22, 0.2, 0.4, 0.4), 0.95, 0), ((0.2, 0.2, 0.4, 0.42), 0.94, 0))
    found = fused(first, second)
    assert len(found.scores) == 2
    assert found.scores[0] == score(one(0.9), one(0.94))
    assert found.scores[1] == score(one(0.0), one(0.95))


def test_nothing_and_certainty() -> None:
    nothing = fused(detections(), detections())
    assert nothing.boxes.shape == (0, 4)
    certain = fused(detections((BOX, 1.0, 0)), detections((BOX, 1.0, 0)))
    assert 0.99 < certain.scores[0] <= 1


@given(FOUND, FOUND)
def test_answers_are_in_order_and_in_range(first: list[Found], second: list[Found]) -> None:
    found = fused(detections(*first), detections(*second))
    assert len(found.boxes) == len(found.scores) == len(found.classes) <= len(first) + len(second)
    assert (np.diff(found.scores) <= 0).all()
    assert ((found.scores >= SCORE_FLOOR) & (found.scores <= 1)).all()
    assert (found.boxes >= 0).all()
    assert (found.boxes[:, :2] + found.boxes[:, 2:] <= 1).all()
    assert [each.dtype.name for each in (found.boxes, found.scores, found.classes)] == ["float32", "float32", "int64"]


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_more_is_never_less_sure(a: float, b: float, other: float) -> None:
    low, high = sorted((a, b))
    assert score(one(low), one(other)) <= score(one(high), one(other))
    assert score(one(other), one(low)) <= score(one(other), one(high))
