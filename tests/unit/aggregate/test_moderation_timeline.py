"""Categories of content moderation out of synthetic scores."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from pipeline.aggregate.moderation import (
    ModerationStages,
    ModerationTimeline,
    content_types,
    judged,
    picture_labels,
)
from pipeline.aggregate.types import Record
from pipeline.catalog import SEGMENTS, TIMESTAMPS
from pipeline.detect.body_parts import CLASSES
from pipeline.detect.types import Tags, Values
from pipeline.labels.moderation import coverage, taxonomy
from pipeline.labels.vocabulary import vocabulary
from pipeline.media.types import Timestamp

STAGES = ModerationStages("objects", ("tags",), "explicit", "parts")
CLEAN = Values(np.array([0, 0, 1, 0, 0, 0], np.float32))
PORN = Values(np.array([0, 0, 0.1, 0.9, 0, 0.9], np.float32))
REVOLVER, BIKINI = 763, 445


def tagged(number: int, score: float) -> Tags:
    return Tags(np.array([number]), np.array([score], np.float32))


def records(samples: list[dict[str, Any]], least: float = 50.0) -> list[Record]:
    """Samples half a second apart through a timeline."""
    timeline = ModerationTimeline(STAGES, least)
    found = []
    for place, sample in enumerate(samples):
        found += timeline.add(place, Timestamp(place * 500, Fraction(1, 1000)), sample)
    return found + list(timeline.finish(Timestamp(len(samples) * 500, Fraction(1, 1000))))


def test_every_category_has_its_place() -> None:
    assert {category.level for category in taxonomy().values()} == {1, 2, 3}
    for category in taxonomy().values():
        assert all(parent in taxonomy() for parent in category.parents)
        assert category.parents == () or category.parents[1:] == taxonomy()[category.parents[0]].parents


def test_every_clue_names_something_that_exists() -> None:
    for category in taxonomy().values():
        for clue in category.clues:
            assert 0 < clue.share <= 1
            assert {"label": clue.name in vocabulary().labels, "sexy": clue.name in vocabulary().labels}.get(
                clue.kind, True
            ), clue
            assert clue.kind != "part" or clue.name in CLASSES


def test_coverage_tells_seen_from_unseen() -> None:
    found = coverage()
    assert set(found) == set(taxonomy())
    assert found["Violence"] == "categories under it"
    assert "Gun" in found["Weapons"]
    assert found["Hate Symbols"] == found["Smoking"] == ""


def test_a_gun_is_a_weapon_and_its_ancestor_too() -> None:
    (weapon,) = [r for r in records([{"tags": tagged(REVOLVER, 0.9), "explicit": CLEAN}]) if r.name == "Weapons"][:1]
    assert weapon.body["ModerationLabel"] == {
        "Name": "Weapons",
        "ParentName": "Violence",
        "TaxonomyLevel": 2,
        "Confidence": pytest.approx(85.5, abs=0.1),
    }
    names = {r.name: r.body["ModerationLabel"]["ParentName"] for r in records([{"tags": tagged(REVOLVER, 0.9)}])}
    assert names == {"Weapons": "Violence", "Violence": ""}


def test_explicit_needs_both_classifiers() -> None:
    assert judged({}, PORN, None)["Explicit Nudity"] == pytest.approx(0.9, abs=1e-3)
    for alone in ([0, 0, 0.1, 0.9, 0, 0.001], [0, 0, 1, 0, 0, 0.9]):
        assert judged({}, Values(np.array(alone, np.float32)), None).get("Explicit", 0) < 0.1


def test_sexy_confirms_swimwear_but_says_nothing_alone() -> None:
    sexy = Values(np.array([0, 0, 0.1, 0, 0.9, 0], np.float32))
    alone, confirmed = judged({"Bikini": 0.4}, CLEAN, None), judged({"Bikini": 0.4}, sexy, None)
    assert confirmed["Female Swimwear or Underwear"] > alone["Female Swimwear or Underwear"] > 0.3
    assert judged({}, sexy, None) == {}


def test_a_part_of_the_body_needs_a_classifier_that_agrees() -> None:
    parts = np.zeros(len(CLASSES), np.float32)
    parts[CLASSES.index("FEMALE_BREAST_EXPOSED")] = 0.9
    sure = judged({}, PORN, Values(parts))
    assert sure["Exposed Female Nipple"] == pytest.approx(0.9, abs=1e-3)
    assert sure["Exposed Female Nipple"] <= sure["Explicit Nudity"] <= sure["Explicit"]
    assert judged({}, CLEAN, Values(parts)).get("Exposed Female Nipple", 0) == 0


def test_segments_are_runs_of_samples() -> None:
    shown, hidden = {"tags": tagged(BIKINI, 0.9), "explicit": CLEAN}, {"explicit": CLEAN}
    found = records([hidden, shown, shown, hidden, shown])
    spans = [
        (r.body["StartTimestampMillis"], r.body["EndTimestampMillis"], r.body["DurationMillis"])
        for r in found
        if r.aggregate == SEGMENTS and r.name == "Female Swimwear or Underwear"
    ]
    assert spans == [(500, 1500, 1000), (2000, 2500, 500)]
    moments = [r for r in found if r.aggregate == TIMESTAMPS and r.name == "Swimwear or Underwear"]
    assert [r.timestamp_ms for r in moments] == [500, 1000, 2000]
    assert all("DurationMillis" not in r.body for r in moments)


def test_confidence_below_the_least_is_left_out() -> None:
    sample = {"tags": tagged(REVOLVER, 0.6)}
    assert {r.name for r in records([sample])} == {"Weapons", "Violence"}
    assert records([sample], 60) == []


def test_drawn_pictures_are_called_illustrated() -> None:
    drawn = Values(np.array([0.2, 0.7, 0.1, 0, 0, 0.9], np.float32))
    (first, *_) = records([{"explicit": drawn}])
    assert first.body["ContentTypes"] == [{"Name": "Illustrated", "Confidence": pytest.approx(90, abs=0.01)}]
    assert records([{"explicit": PORN}])[0].body["ContentTypes"] == []


def test_a_frame_that_no_stage_saw_says_nothing() -> None:
    assert records([{}]) == []


def test_labels_of_a_picture_are_surest_first_and_of_equals_the_narrowest() -> None:
    sure = judged({"Gun": 0.8, "Wine": 0.9}, CLEAN, None)
    labels = picture_labels(sure, 50.0)
    order = [(label["Confidence"], -label["TaxonomyLevel"]) for label in labels]
    assert order == sorted(order, key=lambda pair: (-pair[0], pair[1]))
    names = [label["Name"] for label in labels]
    assert names.index("Weapons") + 1 == names.index("Violence")
    assert {label["Name"]: label["ParentName"] for label in labels}["Violence"] == ""
    assert picture_labels(sure, 100.0) == []
    assert {"Weapons", "Violence"} <= {
        label["Name"] for label in picture_labels({"Weapons": 0.1, "Violence": 0.1}, 0.0)
    }


@pytest.mark.parametrize(("illustrated", "count"), [(49.99, 0), (50.0, 1), (100.0, 1)])
def test_a_drawn_picture_is_said_to_be_illustrated(illustrated: float, count: int) -> None:
    assert content_types(illustrated) == [{"Name": "Illustrated", "Confidence": illustrated}] * count
