"""Labels of real pictures and clips against their ground truth."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from pipeline.aggregate.types import NoGalleries, Record
from pipeline.analyses.labels import ANALYSIS
from pipeline.detect.boxes import areas, corners_of, intersections, iou
from pipeline.detect.objects import MODEL, ObjectDetector
from pipeline.media.types import F32, I64, Timestamp
from pipeline.models.library import Library
from tests.support.clips import answered
from tests.support.stills import drawn, still

pytestmark = pytest.mark.weights

# Truth label -> names of ours that satisfy it, where they differ from its title case.
NAMES = {
    "tv/monitor": {"TV", "Monitor"},
    "keyboard": {"Computer Keyboard"},
    "pasta/food": {"Food"},
    "sports ball": {"Ball"},
    "car/ambulance": {"Car", "Ambulance"},
    "cell phone": {"Mobile Phone"},
}


@pytest.fixture(scope="module")
def library(models_dir: Path) -> Library:
    return Library(models_dir)


@pytest.fixture(scope="module")
def truth(media: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((media / "truth" / "labels.json").read_text())
    return found


def labels_of(library: Library, path: Path) -> dict[str, dict[str, Any]]:
    """Label name -> Label of a picture, as DetectLabels would answer at the video default of 50."""
    frame = still(path)
    found = {s.key: s.detector.detect([s.detector.prepare(frame)])[0] for s in ANALYSIS.stages([{}], library)}
    timeline = ANALYSIS.aggregator({}, None, None, NoGalleries())  # type: ignore[arg-type]
    records = [*timeline.add(0, Timestamp(0, Fraction(1)), found), *timeline.finish(Timestamp(1, Fraction(1)))]
    return {r.name: r.body["Label"] for r in records if r.aggregate == "TIMESTAMPS"}


def accepted(label: str) -> set[str]:
    plain = label.partition(" (")[0]
    return NAMES.get(plain, {plain.title()})


def test_every_label_of_the_pictures_is_found(library: Library, media: Path, truth: dict[str, Any]) -> None:
    pictures = {file: wanted for file, wanted in truth["labels"].items() if file.startswith("images/")}
    missed = {
        (file, label)
        for file, wanted in pictures.items()
        for found in [labels_of(library, media / file)]
        for label in wanted
        if not accepted(label) & found.keys()
    }
    assert missed == set()
    assert sum(map(len, pictures.values())) == 27


def matched(overlap: F32) -> tuple[I64, I64]:
    """Rows and columns of the pairs of the best one-to-one assignment that overlap by at least .5."""
    rows, columns = linear_sum_assignment(-overlap)
    good = overlap[rows, columns] >= 0.5
    return rows[good], columns[good]


def test_persons_are_found_precisely(library: Library, media: Path, truth: dict[str, Any]) -> None:
    hits = predicted = expected = 0
    for file, entry in truth["coco_boxes"].items():
        people = [b for b in entry["boxes"] if b["label"] == "person"]
        corners = np.float32([[b["left"], b["top"], b["left"] + b["width"], b["top"] + b["height"]] for b in people])
        crowd = np.array([bool(b["iscrowd"]) for b in people])
        instances = [i["BoundingBox"] for i in labels_of(library, media / file)["Person"]["Instances"]]
        boxes = np.float32([[b["Left"], b["Top"], b["Width"], b["Height"]] for b in instances])
        found = corners_of(boxes, tuple(entry["size"]))
        rows, _ = matched(iou(found, corners[~crowd]))
        in_crowd = intersections(found, corners[crowd]).max(axis=1, initial=0) >= areas(found) / 2
        in_crowd[rows] = False
        hits += len(rows)
        predicted += int((~in_crowd).sum())
        expected += int((~crowd).sum())
    assert expected == 17
    assert hits / expected >= 0.88
    assert hits / predicted >= 0.95


@pytest.mark.parametrize(
    "file",
    ["videos/basketball.mp4", "videos/laptop_table_1080p.mp4", "videos/marathon_run.mp4", "odd/dog_1080p_phone.mp4"],
)
def test_every_label_of_the_clips_is_found(library: Library, media: Path, truth: dict[str, Any], file: str) -> None:
    names = {r.name for r in answered(media / file, ANALYSIS, {}, library)}
    assert [label for label in truth["labels"][file] if not accepted(label) & names] == []


def spans(records: list[Record], name: str) -> list[tuple[int, int]]:
    shown = [r.body for r in records if r.aggregate == "SEGMENTS" and r.name == name]
    return [(body["StartTimestampMillis"], body["EndTimestampMillis"]) for body in shown]


@pytest.mark.slow
def test_a_clip_of_many_shots_does_not_depend_on_how_it_is_cut(library: Library, media: Path) -> None:
    clip = media / "videos/googlework_short.mp4"
    whole, cut = (answered(clip, ANALYSIS, {"MinConfidence": 60}, library, cuts) for cuts in (1, 3))
    assert [(r.timestamp_ms, r.name, r.aggregate) for r in whole] == [
        (r.timestamp_ms, r.name, r.aggregate) for r in cut
    ]
    assert np.allclose([r.confidence for r in whole], [r.confidence for r in cut], atol=0.1)
    assert {"Person", "Vehicle", "Bicycle", "Furniture"} <= {r.name for r in whole}
    assert len({r.name for r in whole}) < 40
    assert all(start < end <= 34400 for start, end in spans(whole, "Person"))


def test_nothing_is_found_on_a_white_picture(library: Library) -> None:
    white = drawn(np.full((240, 320, 3), 255, np.uint8))
    found = {s.key: s.detector.detect([s.detector.prepare(white)])[0] for s in ANALYSIS.stages([{}], library)}
    timeline = ANALYSIS.aggregator({}, None, None, NoGalleries())  # type: ignore[arg-type]
    assert [*timeline.add(0, Timestamp(0, Fraction(1)), found), *timeline.finish(Timestamp(1, Fraction(1)))] == []


def test_pictures_of_one_shape_are_found_alike_alone_and_in_a_batch(library: Library, media: Path) -> None:
    files = ("images/labels/coco_000000574315.jpg", "images/labels/coco_000000301421.jpg")
    detector = ObjectDetector(library.load(MODEL), batch=2)
    prepared = [detector.prepare(drawn(still(media / f).rgb(640, 480))) for f in files]
    together, alone = detector.detect(prepared), [detector.detect([p])[0] for p in prepared]
    for one, other in zip(together, alone, strict=True):
        assert one.classes.tolist() == other.classes.tolist()
        assert np.allclose(one.boxes, other.boxes, atol=1e-3)
        assert np.allclose(one.scores, other.scores, atol=1e-3)
