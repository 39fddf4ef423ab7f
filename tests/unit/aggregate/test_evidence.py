import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.aggregate.evidence import Evidence, evidence, probabilities, steadied
from pipeline.detect.types import Detections, Tags
from pipeline.labels.vocabulary import vocabulary

SCORES = st.floats(0.01, 0.99)


def detections(*found: tuple[int, float]) -> Detections:
    boxes = np.tile(np.float32([0.1, 0.2, 0.3, 0.4]), (len(found), 1)).reshape(-1, 4)
    return Detections(boxes, np.array([s for _, s in found], np.float32), np.array([c for c, _ in found], np.int64))


def tags(*found: tuple[int, float]) -> Tags:
    return Tags(np.array([c for c, _ in found], np.int64), np.array([s for _, s in found], np.float32))


OBJECTS = st.lists(st.tuples(st.integers(0, 79), SCORES), max_size=6)
TAGGED = st.lists(st.tuples(st.integers(0, 999), st.floats(0.01, 0.16)), max_size=6, unique_by=lambda t: t[0])


@given(OBJECTS, TAGGED)
def test_ancestors_are_at_least_as_sure(objects: list[tuple[int, float]], tagged: list[tuple[int, float]]) -> None:
    labels = evidence(detections(*objects), tags(*tagged)).labels
    for name, sure in labels.items():
        assert 0 <= sure <= 1
        assert all(labels[parent] >= sure - 1e-9 for parent in vocabulary().labels[name].parents)


def test_breeds_add_up_to_a_dog() -> None:
    found = evidence(None, tags((207, 0.3), (208, 0.4), (281, 0.1))).labels
    assert found["Golden Retriever"] == pytest.approx(0.3)
    assert found["Dog"] == pytest.approx(0.7)
    assert found["Animal"] == pytest.approx(0.8)


def test_two_models_that_agree_are_surer_than_each() -> None:
    found = evidence(detections((63, 0.6)), tags((620, 0.5)))
    assert found.labels["Laptop"] == pytest.approx(0.8)
    assert [i.confidence for i in found.instances["Laptop"]] == pytest.approx([0.6])


def test_the_same_score_says_more_of_a_person() -> None:
    chance = probabilities(detections((0, 0.4), (0, 1.0), (1, 0.4), (1, 0.0)))
    assert chance.tolist() == pytest.approx([0.5, 1.0, 0.4, 0.0])


def test_instances_are_sorted_surest_first() -> None:
    found = evidence(detections((2, 0.3), (2, 0.8), (0, 0.5)), None)
    assert [i.confidence for i in found.instances["Car"]] == pytest.approx([0.8, 0.3])
    assert found.labels["Transportation"] == pytest.approx(0.8)


def test_what_is_seen_once_is_half_as_sure() -> None:
    once = evidence(detections((2, 0.8)), None)
    steady = steadied(once, [evidence(None, None), evidence(None, None)])
    assert steady.labels["Car"] == pytest.approx(0.4)
    assert steady.instances["Car"][0].confidence == pytest.approx(0.4)


def test_what_stays_is_as_sure_as_it_was() -> None:
    seen = evidence(detections((2, 0.8)), None)
    assert steadied(seen, [evidence(None, None), seen]).labels == pytest.approx(seen.labels)
    assert steadied(seen, []) is seen


@given(OBJECTS, OBJECTS, OBJECTS)
def test_neighbours_never_make_a_label_surer(
    first: list[tuple[int, float]], second: list[tuple[int, float]], third: list[tuple[int, float]]
) -> None:
    before, now, after = (evidence(detections(*frame), None) for frame in (first, second, third))
    steady = steadied(now, [before, after])
    assert steady.labels.keys() == now.labels.keys()
    assert all(sure <= now.labels[name] + 1e-9 for name, sure in steady.labels.items())
    for name, sure in steady.labels.items():
        assert all(steady.labels[parent] >= sure - 1e-9 for parent in vocabulary().labels[name].parents)


def test_nothing_seen_says_nothing() -> None:
    assert evidence(None, None) == Evidence({}, {})
    assert evidence(detections(), tags()) == Evidence({}, {})
