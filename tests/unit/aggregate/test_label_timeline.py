from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from pipeline.aggregate.evidence import evidence, probabilities
from pipeline.aggregate.labels import LabelTimeline, picture_labels
from pipeline.aggregate.types import NoGalleries, Record
from pipeline.analyses.labels import ANALYSIS
from pipeline.detect.types import Detections, Tags
from pipeline.labels.filters import LabelFilter
from pipeline.labels.vocabulary import vocabulary
from pipeline.media.types import Timestamp

FACES = "faces-500ms"
OBJECTS = "objects-500ms"
TAGS = ("tags-500ms", "second-tags-500ms")

MILLIS = Fraction(1, 1000)
PERSON, CAR, DOG = 0, 2, 16
PLACES = {"Outdoors", "Road"}
"""What follows from a car."""


def objects(*found: tuple[int, float]) -> Mapping[str, Any]:
    boxes = np.tile(np.float32([0.1, 0.2, 0.3, 0.4]), (len(found), 1)).reshape(-1, 4)
    return {OBJECTS: Detections(boxes, np.float32([s for _, s in found]), np.array([c for c, _ in found], np.int64))}


def records(frames: list[Mapping[str, Any]], end_ms: int | None = None, **settings: Any) -> list[Record]:
    timeline = LabelTimeline(OBJECTS, TAGS, FACES, 1000, **settings)
    found = [r for k, frame in enumerate(frames) for r in timeline.add(k * 15, Timestamp(k * 500, MILLIS), frame)]
    return [*found, *timeline.finish(Timestamp(len(frames) * 500 if end_ms is None else end_ms, MILLIS))]


def sure(*scores: float) -> list[float]:
    """Confidences of cars and dogs of these scores, in percent."""
    found = next(iter(objects(*((CAR, score) for score in scores)).values()))
    return [100 * float(chance) for chance in probabilities(found, np.zeros(len(scores), np.float32))]


def moments(found: list[Record]) -> list[tuple[int, str]]:
    return [(r.timestamp_ms, r.name) for r in found if r.aggregate == "TIMESTAMPS"]


def segments(found: list[Record]) -> dict[str, list[tuple[int, int, float]]]:
    spans: dict[str, list[tuple[int, int, float]]] = {}
    for r in found:
        if r.aggregate == "SEGMENTS":
            spans.setdefault(r.name, []).append(
                (r.body["StartTimestampMillis"], r.body["EndTimestampMillis"], r.confidence)
            )
    return spans


def test_a_car_comes_with_its_ancestors_and_its_box() -> None:
    found = [r for r in records([objects((CAR, 0.9))]) if r.name not in PLACES]
    assert moments(found) == [(0, "Car"), (0, "Transportation"), (0, "Vehicle")]
    car = found[0].body["Label"]
    (confidence,) = sure(0.9)
    assert car["Confidence"] == pytest.approx(confidence, abs=1e-3)
    assert car["Instances"] == [
        {"BoundingBox": {"Width": 0.3, "Height": 0.4, "Left": 0.1, "Top": 0.2}, "Confidence": car["Confidence"]}
    ]
    assert car["Parents"] == [{"Name": "Vehicle"}, {"Name": "Transportation"}]
    assert car["Aliases"] == [{"Name": "Automobile"}]
    assert car["Categories"] == [{"Name": "Vehicles and Automotive"}]
    assert found[1].body["Label"]["Instances"] == []
    assert (found[0].name, found[0].confidence, found[0].timestamp_ms) == ("Car", car["Confidence"], 0)


def test_segments_run_from_the_first_sample_to_the_first_without() -> None:
    seen, gone = objects((DOG, 0.8)), objects()
    surer = objects((DOG, 0.9))
    found = records([gone, seen, surer, seen, gone, gone, seen, seen], end_ms=4100)
    low, high = sure(0.8, 0.9)
    rising = pytest.approx((high + low + low / 2) / 2.5, abs=1e-3)
    assert segments(found)["Dog"] == [(500, 2000, rising), (3000, 4100, pytest.approx(low, abs=1e-3))]
    first = next(r for r in found if r.aggregate == "SEGMENTS" and r.name == "Dog").body
    assert first["Timestamp"] == 500
    assert first["DurationMillis"] == 1500
    assert "Instances" not in first["Label"]


@given(st.lists(st.sampled_from([0.0, 0.45, 0.7, 0.95]), min_size=1, max_size=12), st.sampled_from([0.0, 50.0, 80.0]))
def test_segments_hold_exactly_the_samples_of_the_label(scores: list[float], least: float) -> None:
    found = records([objects(*([(CAR, s)] if s else [])) for s in scores], min_confidence=least)
    times = {t for t, name in moments(found) if name == "Car"}
    covered = {t for start, end, _ in segments(found).get("Car", []) for t in range(start, end, 500)}
    assert times == covered


@given(st.floats(0, 100))
def test_nothing_below_min_confidence_is_shown(least: float) -> None:
    frames = [objects((CAR, 0.9), (CAR, 0.4), (PERSON, 0.6), (DOG, 0.3))] * 3
    for record in records(frames, min_confidence=least):
        label = record.body["Label"]
        assert label["Confidence"] >= least
        assert all(i["Confidence"] >= least for i in label.get("Instances", []))
        assert record.confidence == label["Confidence"]


def test_two_frames_far_apart_are_no_neighbours() -> None:
    timeline = LabelTimeline(OBJECTS, TAGS, FACES, 1000)
    found = list(timeline.add(0, Timestamp(0, MILLIS), objects((CAR, 0.8))))
    found += timeline.add(90, Timestamp(3000, MILLIS), objects())
    assert (0, "Car") in moments(found)


def test_tags_alone_make_labels_without_boxes() -> None:
    frame = {TAGS[0]: Tags(np.array([207, 208], np.int64), np.float32([0.6, 0.3]))}
    found = {r.name: r.body["Label"] for r in records([frame]) if r.aggregate == "TIMESTAMPS"}
    assert set(found) == {"Golden Retriever", "Dog", "Canine", "Pet", "Mammal", "Animal"}
    assert found["Dog"]["Confidence"] == pytest.approx(90, abs=0.01)
    assert found["Dog"]["Instances"] == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {"Car", "Vehicle", "Transportation", "Person", *PLACES}),
        ({"LabelInclusionFilters": ["Car"]}, {"Car"}),
        ({"LabelInclusionFilters": ["cAR"]}, {"Car"}),
        ({"LabelExclusionFilters": ["vehicle"]}, {"Car", "Transportation", "Person", *PLACES}),
        ({"LabelCategoryInclusionFilters": ["TRANSPORT AND LOGISTICS"]}, {"Road"}),
        ({"LabelInclusionFilters": ["Automobile"]}, set()),
        ({"LabelExclusionFilters": ["Vehicle"]}, {"Car", "Transportation", "Person", *PLACES}),
        ({"LabelCategoryInclusionFilters": ["Vehicles and Automotive"]}, {"Car", "Vehicle", "Transportation"}),
        ({"LabelCategoryExclusionFilters": ["Vehicles and Automotive"]}, {"Person", *PLACES}),
        ({"LabelInclusionFilters": ["Road"]}, {"Road"}),
        ({"LabelCategoryInclusionFilters": ["Transport and Logistics"]}, {"Road"}),
        ({"LabelInclusionFilters": ["Unheard Of"], "LabelCategoryInclusionFilters": ["Neither"]}, set()),
        (
            {"LabelInclusionFilters": ["Person"], "LabelCategoryInclusionFilters": ["Vehicles and Automotive"]},
            {"Car", "Vehicle", "Transportation", "Person"},
        ),
        (
            {"LabelCategoryInclusionFilters": ["Vehicles and Automotive"], "LabelExclusionFilters": ["Car"]},
            {"Vehicle", "Transportation"},
        ),
        ({"LabelInclusionFilters": ["Person"], "LabelExclusionFilters": ["Person"]}, set()),
    ],
)
def test_filters(settings: dict[str, list[str]], expected: set[str]) -> None:
    timeline = ANALYSIS.aggregator({"Settings": {"GeneralLabels": settings}}, None, None, NoGalleries())  # type: ignore[arg-type]
    frame = objects((CAR, 0.9), (PERSON, 0.9))
    found = [*timeline.add(0, Timestamp(0, MILLIS), frame), *timeline.finish(Timestamp(40, MILLIS))]
    assert {r.name for r in found} == expected


def test_min_confidence_is_50_where_the_request_names_none() -> None:
    frame = objects((CAR, 0.6), (DOG, 0.45))
    for parameters, expected in (({}, {"Car"}), ({"MinConfidence": 0}, {"Car", "Dog"}), ({"MinConfidence": 60}, set())):
        timeline = ANALYSIS.aggregator(parameters, None, None, NoGalleries())  # type: ignore[arg-type]
        found = [*timeline.add(0, Timestamp(0, MILLIS), frame), *timeline.finish(Timestamp(40, MILLIS))]
        assert {r.name for r in found} & {"Car", "Dog"} == expected


def test_an_exclusion_beats_an_inclusion_of_the_category() -> None:
    wanted = LabelFilter(categories={"animals and pets"}, without_names={"cat"})
    known = vocabulary().labels
    assert wanted.keeps(known["Dog"])
    assert not wanted.keeps(known["Cat"])
    assert not wanted.keeps(known["Person"])


def test_items_are_of_the_shape_of_the_api() -> None:
    shape = ServiceModel(Loader().load_service_model("rekognition", "service-2")).shape_for("LabelDetection")
    found = records([objects((CAR, 0.9), (PERSON, 0.7))] * 2)
    assert {r.aggregate for r in found} == {"TIMESTAMPS", "SEGMENTS"}
    for record in found:
        assert not ParamValidator().validate(record.body, shape).has_errors()
        assert set(record.body) <= set(shape.members)
        assert set(record.body["Label"]) <= set(shape.members["Label"].members)


def test_an_empty_video_has_no_labels_but_a_model_version() -> None:
    timeline = LabelTimeline(OBJECTS, TAGS, FACES, 1000)
    assert list(timeline.finish(Timestamp(0, MILLIS))) == []
    assert timeline.summary() == {"LabelModelVersion": "3.0"}


def test_labels_of_a_picture_come_surest_first_and_the_special_before_the_general() -> None:
    """All breeds of dogs together are as sure as the dog; what is above it is no surer."""
    tags = Tags(np.array([207, 208], np.int64), np.float32([0.6, 0.3]))
    found = picture_labels(evidence(None, [tags]), 55, LabelFilter())
    assert [label["Name"] for label in found] == ["Dog", "Canine", "Mammal", "Pet", "Animal", "Golden Retriever"]
    assert [label["Confidence"] for label in found] == pytest.approx([90] * 5 + [60], abs=0.01)
    assert [p["Name"] for p in found[-1]["Parents"]] == ["Dog", "Canine", "Pet", "Mammal", "Animal"]


def test_a_picture_is_not_lowered_for_want_of_neighbours() -> None:
    frame = objects((CAR, 0.9), (PERSON, 0.6))
    single = {label["Name"]: label for label in picture_labels(evidence(frame[OBJECTS]), 0, LabelFilter())}
    within = {r.name: r.body["Label"] for r in records([frame] * 5, min_confidence=0) if r.aggregate == "TIMESTAMPS"}
    assert single == within
