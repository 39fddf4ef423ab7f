"""Places, activities and numbers of people on real pictures and clips, and what two taggers keep each other from saying."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.aggregate.types import NoGalleries, Record
from pipeline.analyses.labels import ANALYSIS
from pipeline.media.types import Timestamp
from pipeline.models.library import Library
from tests.support.clips import answered
from tests.support.stills import drawn, still

TAGS = ("tags-500ms", "second-tags-500ms")

pytestmark = pytest.mark.weights


@pytest.fixture(scope="module")
def library(models_dir: Path) -> Library:
    return Library(models_dir)


def found_in(library: Library, path: Path) -> dict[str, Any]:
    frame = still(path)
    return {s.key: s.detector.detect([s.detector.prepare(frame)])[0] for s in ANALYSIS.stages([{}], library)}


def names_of(found: dict[str, Any], **parameters: Any) -> set[str]:
    timeline = ANALYSIS.aggregator(parameters, None, None, NoGalleries())  # type: ignore[arg-type]
    records = [*timeline.add(0, Timestamp(0, Fraction(1)), found), *timeline.finish(Timestamp(1, Fraction(1)))]
    return {r.name for r in records if r.aggregate == "TIMESTAMPS"}


def share(records: list[Record], name: str, samples: int) -> float:
    """Of the samples of a clip, those with the label."""
    return sum(r.name == name for r in records if r.aggregate == "TIMESTAMPS") / samples


@pytest.mark.parametrize(
    ("picture", "some", "none"),
    [
        ("bus", {"Road", "Urban", "Street", "People", "Outdoors"}, {"Indoors", "Nature", "Crowd"}),
        ("coco_000000000785", {"Skiing", "Snow", "Nature", "Outdoors", "Sport"}, {"Indoors", "People", "Urban"}),
        ("coco_000000038829", {"Cycling", "People", "Outdoors", "Road"}, {"Indoors", "Snow"}),
        ("coco_000000301421", {"Indoors", "Computer Hardware"}, {"Outdoors", "Person", "Kitchen"}),
        ("coco_000000142238", {"Crowd", "Rugby Ball", "Rugby", "Sport"}, {"Indoors", "Cycling"}),
        ("coco_000000373353", {"City", "Street", "Road", "Outdoors"}, {"Indoors", "Cycling"}),
    ],
)
def test_pictures(library: Library, media: Path, picture: str, some: set[str], none: set[str]) -> None:
    names = names_of(found_in(library, media / "images" / "labels" / f"{picture}.jpg"))
    assert some - names == set()
    assert none & names == set()


@pytest.mark.parametrize(
    ("clip", "samples", "always", "none"),
    [
        ("marathon_run.mp4", 10, {"Crowd", "People", "Road", "Outdoors"}, {"Indoors", "Cycling"}),
        ("laptop_table_1080p.mp4", 8, {"Indoors", "Laptop"}, {"Outdoors", "Crowd", "Kitchen"}),
        ("basketball.mp4", 23, {"Person"}, {"Indoors", "Crowd", "Frisbee", "Volleyball"}),
        ("CountdownClock_0.mp4", 12, set(), {"Person", "Outdoors", "Face"}),
        ("cityCC0.mpg", 16, set(), {"Airplane", "Train", "Solar Dish", "Person", "Indoors"}),
        ("face-demographics-walking-and-pause_gif.mp4", 7, {"Face", "Head", "People"}, {"Crowd", "Outdoors"}),
    ],
)
def test_clips(library: Library, media: Path, clip: str, samples: int, always: set[str], none: set[str]) -> None:
    records = answered(media / "videos" / clip, ANALYSIS, {}, library)
    assert {name: share(records, name, samples) for name in always} == dict.fromkeys(always, 1.0)
    assert none & {r.name for r in records} == set()


@pytest.mark.slow
def test_a_motorway_is_a_road_outdoors_all_along(library: Library, media: Path) -> None:
    records = answered(media / "videos" / "traffic_camera.mp4", ANALYSIS, {"MinConfidence": 60}, library)
    names = {"Road", "Outdoors", "Car", "Vehicle"}
    assert {name for name in names if share(records, name, 47) < 0.95} == set()
    whole = [r.body for r in records if r.aggregate == "SEGMENTS" and r.name == "Road"]
    assert sum(body["DurationMillis"] for body in whole) > 20_000
    assert not {"Indoors", "Solar Dish", "Person", "Face"} & {r.name for r in records}


def test_filters_choose_what_follows(library: Library, media: Path) -> None:
    found = found_in(library, media / "images" / "labels" / "coco_000000038829.jpg")
    general = {"LabelInclusionFilters": ["Cycling"], "LabelCategoryInclusionFilters": ["Transport and Logistics"]}
    assert names_of(found, Settings={"GeneralLabels": general}) == {"Cycling", "Road"}
    without = {"LabelCategoryExclusionFilters": ["Person Description", "Sports"]}
    assert not {"Person", "People", "Cycling", "Sport"} & names_of(found, Settings={"GeneralLabels": without})


def test_both_taggers_know_a_cat_and_are_alike_alone_and_in_a_batch(library: Library, media: Path) -> None:
    cat, dog = (still(media / "images" / "labels" / f"coco_{n}.jpg") for n in ("000000574315", "000000052891"))
    taggers = [stage.detector for stage in ANALYSIS.stages([{}], library) if stage.key in TAGS]
    assert len(taggers) == 2
    for tagger in taggers:
        prepared = [tagger.prepare(drawn(frame.rgb(640, 480))) for frame in (cat, dog)]
        together, alone = tagger.detect(prepared), [tagger.detect([p])[0] for p in prepared]
        for one, other in zip(together, alone, strict=True):
            assert one.classes[:3].tolist() == other.classes[:3].tolist()
            assert np.allclose(one.scores[:3], other.scores[:3], atol=1e-3)
            assert 0.5 < one.scores.sum() <= 1.001
        assert together[1].classes[0] in {230, 231, 232, 257, 169}  # kinds of collies and their likes
