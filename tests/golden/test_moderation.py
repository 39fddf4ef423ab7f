"""Content moderation on real pictures and clips, harmless ones."""

from pathlib import Path

import pytest

from pipeline.aggregate.types import Record
from pipeline.analyses.moderation import ANALYSIS
from pipeline.catalog import TIMESTAMPS
from pipeline.models.library import Library
from tests.support.clips import answered
from tests.support.stills import still

pytestmark = pytest.mark.weights


@pytest.fixture(scope="module")
def library(models_dir: Path) -> Library:
    return Library(models_dir, threads=2)


def seen(path: Path, library: Library, cuts: int = 1) -> list[Record]:
    return [r for r in answered(path, ANALYSIS, {}, library, cuts) if r.aggregate == TIMESTAMPS]


def on_photo(path: Path, library: Library) -> list[Record]:
    """The records of a picture file."""
    frame = still(path)
    stages = ANALYSIS.stages([{}], library)
    found = {stage.key: stage.detector.detect([stage.detector.prepare(frame)])[0] for stage in stages}
    return list(ANALYSIS.aggregator({}, None, None, None).add(0, frame.timestamp, found))


@pytest.mark.parametrize(
    ("photo", "name", "parent"),
    [
        ("guns_21.jpeg", "Weapons", "Violence"),
        ("guns_26.jpeg", "Weapons", "Violence"),
        ("swimwear_1.jpg", "Swimwear or Underwear", ""),
        ("wine_pasta.jpg", "Alcoholic Beverages", "Alcohol"),
    ],
)
def test_what_is_to_be_moderated_is_found(media: Path, library: Library, photo: str, name: str, parent: str) -> None:
    found = {r.name: r for r in on_photo(media / "images" / "moderation" / photo, library)}
    assert found[name].body["ModerationLabel"]["ParentName"] == parent
    assert found[name].confidence >= 50
    assert set(found) <= {name, parent, *(p for p in (parent,) if p)}


@pytest.mark.parametrize(
    "photo", ["labels/coco_000000574315.jpg", "faces/azure_detection2.jpg", "identity/azure_Family1-Daughter2.jpg"]
)
def test_harmless_photos_are_left_alone(media: Path, library: Library, photo: str) -> None:
    assert on_photo(media / "images" / photo, library) == []


def test_a_harmless_clip_is_left_alone(media: Path, library: Library) -> None:
    assert seen(media / "videos" / "basketball.mp4", library) == []
