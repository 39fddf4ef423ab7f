"""The second detector of objects on real pictures, and what it adds to the first."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.detect import fusion, objects, second_objects
from pipeline.detect.second_objects import SecondObjectDetector
from pipeline.detect.types import Detections
from pipeline.images.labels import seen
from pipeline.labels.vocabulary import vocabulary
from pipeline.media.still import Still, decode
from pipeline.models.library import Library

pytestmark = pytest.mark.weights

MOST_PIXELS = 100_000_000


@pytest.fixture(scope="module")
def library(models_dir: Path) -> Library:
    return Library(models_dir, threads=2)


@pytest.fixture(scope="module")
def second(library: Library) -> SecondObjectDetector:
    return SecondObjectDetector(library.load(second_objects.MODEL), batch=2)


def picture(path: Path) -> Still:
    return decode(path.read_bytes(), MOST_PIXELS)


def named(found: Detections, least: float) -> list[str]:
    return sorted(
        vocabulary().coco[number]
        for number, score in zip(found.classes.tolist(), found.scores.tolist(), strict=True)
        if score >= least
    )


def test_classes_and_places_are_right(second: SecondObjectDetector, media: Path) -> None:
    photo = picture(media / "images/labels/bus.jpg")
    (found,) = second.detect([second.prepare(photo)])
    assert named(found, 0.5) == ["Bus", "Person", "Person", "Person"]
    people = sorted(found.boxes[(found.classes == objects.PERSON) & (found.scores >= 0.5)].tolist())
    assert [round(left, 1) for left, *_ in people] == [0.1, 0.3, 0.8]  # left, middle, right
    assert all(height > 0.4 for *_, height in people)


def test_pictures_are_found_alike_alone_and_in_a_batch(second: SecondObjectDetector, media: Path) -> None:
    files = ("images/labels/bus.jpg", "images/ppe/helmet_5.jpg")
    prepared = [second.prepare(picture(media / file)) for file in files]
    together, alone = second.detect(prepared), [second.detect([p])[0] for p in prepared]
    for one, other in zip(together, alone, strict=True):
        assert one.classes.tolist() == other.classes.tolist()
        assert np.allclose(one.boxes, other.boxes, atol=1e-3)
        assert np.allclose(one.scores, other.scores, atol=1e-3)


def test_what_both_detectors_see_is_surer(library: Library, second: SecondObjectDetector, media: Path) -> None:
    photo = picture(media / "images/ppe/helmet_5.jpg")
    first = objects.ObjectDetector(library.load(objects.MODEL), floor=fusion.UNSEEN)
    (mine,), (theirs,) = first.detect([first.prepare(photo)]), second.detect([second.prepare(photo)])
    both = fusion.fused(mine, theirs)
    assert set(named(both, 0.9)) == {"Person"}
    assert len(named(both, 0.9)) > max(len(named(mine, 0.9)), len(named(theirs, 0.9)))
    assert len(both.scores) <= len(mine.scores) + len(theirs.scores)


def test_a_white_picture_has_no_objects(library: Library) -> None:
    white = av.VideoFrame.from_ndarray(np.full((240, 320, 3), 255, np.uint8), format="rgb24")
    white.pts, white.time_base = 0, Fraction(1, 25)
    found = seen(library, Still(white))
    assert not [one for several in found.instances.values() for one in several if one.confidence >= 0.5]
