"""Content moderation on real pictures and clips, harmless ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray

from pipeline.aggregate.types import Record
from pipeline.analyses import moderation
from pipeline.analyses.moderation import ANALYSIS
from pipeline.analyses.types import Parameters
from pipeline.catalog import TIMESTAMPS
from pipeline.detect import explicit
from pipeline.detect.types import Joined
from pipeline.models.library import Library
from pipeline.models.types import Models, Session
from tests.support.clips import answered
from tests.support.stills import still

pytestmark = pytest.mark.weights


@pytest.fixture(scope="module")
def library(models_dir: Path) -> Library:
    return Library(models_dir, threads=2)


def seen(path: Path, library: Models, cuts: int = 1) -> list[Record]:
    return [r for r in answered(path, ANALYSIS, {}, library, cuts) if r.aggregate == TIMESTAMPS]


def on_photo(path: Path, library: Models, parameters: Parameters = {}) -> list[Record]:  # noqa: B006
    """The records of a picture file."""
    frame = still(path)
    found: dict[str, Any] = {}
    for stage in ANALYSIS.stages([parameters], library):
        prepared = stage.detector.prepare(frame)
        given = Joined(prepared, found[stage.needs]) if stage.needs else prepared
        found[stage.key] = stage.detector.detect([given])[0]
    return list(ANALYSIS.aggregator(parameters, None, None, None).add(0, frame.timestamp, found))


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


@dataclass(eq=False)
class Counted:
    """The real models, and how often each was asked."""

    models: Models
    calls: dict[str, int] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        return self.models.has(name)

    def load(self, name: str) -> "CountedSession":
        return CountedSession(self.models.load(name), name, self.calls)


@dataclass
class CountedSession:
    session: Session
    name: str
    calls: dict[str, int]
    version: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        self.calls[self.name] = self.calls.get(self.name, 0) + 1
        return self.session.run(inputs)


@pytest.mark.parametrize("least", [20.0, 50.0])
def test_leaving_the_dearest_classifier_out_changes_no_answer(
    media: Path, library: Library, least: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, parameters = media / "images", {"MinConfidence": least}
    photos = [*sorted((folder / "moderation").glob("*.jp*g")), folder / "labels/coco_000000574315.jpg"]
    counted = Counted(library)
    spared = {photo.name: on_photo(photo, counted, parameters) for photo in photos}
    assert 0 < counted.calls.get(explicit.MODEL, 0) < len(photos) == counted.calls[explicit.SECOND_MODEL]
    monkeypatch.setattr(moderation, "may_count", lambda *_: True)
    assert {photo.name: on_photo(photo, library, parameters) for photo in photos} == spared


def test_a_harmless_clip_is_not_shown_to_the_dearest_classifier(media: Path, library: Library) -> None:
    counted = Counted(library)
    assert seen(media / "videos" / "thumbs_up_woman.mp4", counted) == []
    assert counted.calls.get(explicit.MODEL, 0) == 0 < counted.calls[explicit.SECOND_MODEL]
