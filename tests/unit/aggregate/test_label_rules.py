"""Scenes, activities and numbers from what is seen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.aggregate.conclusions import Instance, concluded, raised

UPPER_LEFT, BESIDE, FAR = (0.1, 0.1, 0.3, 0.5), (0.2, 0.4, 0.3, 0.3), (0.7, 0.7, 0.2, 0.2)


def instance(confidence: float, box: tuple[float, ...] = UPPER_LEFT) -> Instance:
    return Instance(np.float32(box), confidence)


def of(instances: dict[str, list[Instance]], **classes: float) -> dict[str, float]:
    seen = {name: found[0].confidence for name, found in instances.items()}
    tagged = {name.replace("_", " "): sure for name, sure in classes.items()}
    return concluded({**seen, **tagged}, tagged, instances)


def test_a_person_on_a_bicycle_cycles() -> None:
    found = of({"Person": [instance(0.9)], "Bicycle": [instance(0.8, BESIDE)]})
    assert found["Cycling"] == pytest.approx(0.9 * 0.8 * 0.8)
    assert found["Sport"] == pytest.approx(found["Cycling"])


def test_a_bicycle_far_from_everybody_is_no_cycling() -> None:
    assert "Cycling" not in of({"Person": [instance(0.9)], "Bicycle": [instance(0.8, FAR)]})
    assert "Cycling" not in of({"Bicycle": [instance(0.9)]})


def test_the_surest_pair_that_touches_counts() -> None:
    people = [instance(0.9, FAR), instance(0.5)]
    assert of({"Person": people, "Horse": [instance(1.0, BESIDE)]})["Horseback Riding"] == pytest.approx(0.5 * 0.7)


def test_several_are_people_and_many_a_crowd() -> None:
    assert "People" not in of({"Person": [instance(0.9)]})
    assert of({"Person": [instance(0.9), instance(0.8)]})["People"] == pytest.approx(0.72)
    twelve = of({"Person": [instance(0.95)] * 12})
    assert twelve["People"] > 0.99
    assert 0.85 < twelve["Crowd"] <= 0.9
    assert "Crowd" not in of({"Person": [instance(0.95)] * 9})


def test_unlikely_boxes_are_not_counted() -> None:
    assert "People" not in of({"Person": [instance(0.9), *[instance(0.4)] * 50]})


def test_kinds_of_vehicles_count_together() -> None:
    assert of({"Car": [instance(1.0)] * 2, "Truck": [instance(1.0)] * 2})["Road"] == pytest.approx(0.85)


def test_classes_of_a_scene_add_up() -> None:
    found = of({}, Taxi=0.4, Tram=0.4)
    assert found["Urban"] == pytest.approx(0.4 * 0.9 + 0.4 * 0.85)
    assert found["Road"] == pytest.approx(0.4 * 0.9 + 0.4 * 0.65)
    assert found["Street"] == pytest.approx(found["Urban"] * found["Road"] * 0.85, abs=0.05)


def test_indoors_and_outdoors_exclude_each_other() -> None:
    assert of({"Truck": [instance(0.9)]})["Outdoors"] == pytest.approx(0.81)
    torn = of({"Truck": [instance(0.9)], "Couch": [instance(0.9)]})
    assert torn["Outdoors"] < 0.25
    assert torn["Indoors"] < 0.25


def test_an_exception_takes_away_what_an_ancestor_says() -> None:
    assert of({}, Library=0.9)["Indoors"] == pytest.approx(0.9 * 0.95 * (1 - 0.9 * 0.05))
    assert of({}, Castle=0.9)["Outdoors"] == pytest.approx(0.9 * 0.9)
    assert "Indoors" not in of({}, Park_Bench=0.9)


NAMES = st.sampled_from(["Person", "Bicycle", "Car", "Dog", "Couch", "TV", "Skis", "Sheep", "Dining Table"])
BOXES = st.sampled_from([UPPER_LEFT, BESIDE, FAR, (0.5, 0.5, 0.0, 0.0)])


@given(st.lists(st.tuples(NAMES, st.floats(0.1, 1), BOXES), max_size=12))
def test_all_is_between_0_and_1_with_ancestors_as_sure(boxes: list[tuple[str, float, tuple[float, ...]]]) -> None:
    instances: dict[str, list[Instance]] = {}
    for name, sure, box in sorted(boxes, key=lambda b: -b[1]):
        instances.setdefault(name, []).append(instance(sure, box))
    found = of(instances)
    assert all(0 < sure <= 1 + 1e-9 for sure in found.values())
    assert raised(found) == found
