import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.aggregate.evidence import Evidence, evidence, probabilities, steadied
from pipeline.detect.types import Detections, Faces, Tags
from pipeline.labels.vocabulary import vocabulary

SCORES = st.floats(0.01, 0.99)
NO_SUPPORT = np.zeros(4, np.float32)


def detections(*found: tuple[int, float]) -> Detections:
    boxes = np.tile(np.float32([0.1, 0.2, 0.3, 0.4]), (len(found), 1)).reshape(-1, 4)
    return Detections(boxes, np.array([s for _, s in found], np.float32), np.array([c for c, _ in found], np.int64))


def tags(*found: tuple[int, float]) -> Tags:
    return Tags(np.array([c for c, _ in found], np.int64), np.array([s for _, s in found], np.float32))


def faces(*scores: float) -> Faces:
    count = len(scores)
    shapes = ((count, 4), (count, 5, 2), (count, 3), (count, 2))
    boxes, landmarks, pose, quality = (np.zeros(shape, np.float32) for shape in shapes)
    return Faces(boxes, np.float32(scores), landmarks, pose, quality)


OBJECTS = st.lists(st.tuples(st.integers(0, 79), SCORES), max_size=6)
TAGGED = st.lists(st.tuples(st.integers(0, 999), st.floats(0.01, 0.16)), max_size=6, unique_by=lambda t: t[0])


@given(OBJECTS, TAGGED)
def test_ancestors_are_at_least_as_sure(objects: list[tuple[int, float]], tagged: list[tuple[int, float]]) -> None:
    labels = evidence(detections(*objects), [tags(*tagged)]).labels
    for name, sure in labels.items():
        assert 0 < sure <= 1
        assert all(labels[parent] >= sure - 1e-9 for parent in vocabulary().labels[name].parents)


def test_breeds_add_up_to_a_dog() -> None:
    found = evidence(None, [tags((207, 0.3), (208, 0.4), (281, 0.1))]).labels
    assert found["Golden Retriever"] == pytest.approx(0.3)
    assert found["Dog"] == pytest.approx(0.7)
    assert found["Animal"] == pytest.approx(0.8)


def test_a_tagger_alone_makes_nothing_sure() -> None:
    assert evidence(None, [tags((807, 0.9)), tags()]).labels["Solar Dish"] == pytest.approx(0.45)
    assert evidence(None, [tags((807, 0.9)), tags((807, 0.7))]).labels["Solar Dish"] == pytest.approx(0.8)
    assert evidence(None, [tags((807, 0.9)), None]).labels["Solar Dish"] == pytest.approx(0.9)


def test_an_object_that_the_taggers_see_too_is_surer() -> None:
    alone = evidence(detections((63, 0.6))).instances["Laptop"][0].confidence
    both = evidence(detections((63, 0.6)), [tags((620, 0.1))]).instances["Laptop"][0].confidence
    other = evidence(detections((63, 0.6)), [tags((207, 0.1))]).instances["Laptop"][0].confidence
    assert 0.5 < alone == other < 0.6
    assert both > 0.75


@given(SCORES, SCORES, st.floats(0, 1), st.floats(0, 1))
def test_chances_rise_with_score_and_support(score: float, other: float, support: float, more: float) -> None:
    found = detections((2, min(score, other)), (2, max(score, other)))
    low, high = np.float32([min(support, more)] * 2), np.float32([max(support, more)] * 2)
    least, most = probabilities(found, low), probabilities(found, high)
    assert least[0] <= least[1]
    assert (least <= most).all()
    assert least[0] >= 0
    assert most[1] <= 1


def test_the_same_score_says_more_of_a_person() -> None:
    person, sure, thing, nothing = probabilities(detections((0, 0.4), (0, 1.0), (1, 0.4), (1, 0.0)), NO_SUPPORT)
    assert (person, sure, nothing) == pytest.approx((0.5, 1.0, 0.0), abs=1e-5)
    assert 0.25 < thing < 0.4


def test_instances_are_sorted_surest_first() -> None:
    found = evidence(detections((2, 0.3), (2, 0.8), (0, 0.5)))
    first, second = (i.confidence for i in found.instances["Car"])
    assert first > second
    assert found.labels["Transportation"] == pytest.approx(first)


def test_a_face_is_a_head_of_a_person() -> None:
    found = evidence(detections((0, 0.4)), faces=faces(0.6, 0.9)).labels
    assert [found[name] for name in ("Face", "Head", "Person")] == pytest.approx([0.9] * 3)
    assert "Face" not in evidence(None, faces=faces()).labels


@pytest.mark.parametrize(
    ("before", "after", "share"), [(0.0, 0.0, 0.4), (0.8, 0.0, 0.8), (0.0, 0.8, 0.8), (0.8, 0.8, 1.0), (0.99, 0.8, 1.0)]
)
def test_what_is_seen_more_often_is_surer(before: float, after: float, share: float) -> None:
    last, now, following = (evidence(detections(*([(2, s)] if s else []))) for s in (before, 0.8, after))
    steady = steadied(now, [last, following])
    assert steady.labels["Car"] == pytest.approx(now.labels["Car"] * share)
    assert steady.instances["Car"][0].confidence == pytest.approx(now.labels["Car"] * share)


def test_at_the_ends_of_a_video_the_one_neighbour_counts() -> None:
    now = evidence(detections((2, 0.8)))
    assert steadied(now, [evidence(None)]).labels["Car"] == pytest.approx(now.labels["Car"] / 2)


def test_what_stays_is_as_sure_as_it_was() -> None:
    seen = evidence(detections((2, 0.8)))
    assert steadied(seen, [seen, seen]).labels == pytest.approx(seen.labels)
    assert steadied(seen, []) is seen


@given(OBJECTS, OBJECTS, OBJECTS)
def test_neighbours_never_make_a_label_surer(
    first: list[tuple[int, float]], second: list[tuple[int, float]], third: list[tuple[int, float]]
) -> None:
    before, now, after = (evidence(detections(*frame)) for frame in (first, second, third))
    steady = steadied(now, [before, after])
    assert steady.labels.keys() == now.labels.keys()
    assert all(sure <= now.labels[name] + 1e-9 for name, sure in steady.labels.items())
    for name, sure in steady.labels.items():
        assert all(steady.labels[parent] >= sure - 1e-9 for parent in vocabulary().labels[name].parents)


def test_nothing_seen_says_nothing() -> None:
    assert evidence(None) == Evidence({}, {})
    assert evidence(detections(), [tags()], faces()) == Evidence({}, {})
