"""Who is who on real clips and photos; thresholds of the photos are those of the published baselines."""

from collections.abc import Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import pytest

from pipeline.aggregate.types import Record
from pipeline.analyses import celebrities, face_search
from pipeline.models.library import Library
from scripts.photos import identity_pairs
from scripts.score_identities import curve, identity_files, score_identities
from tests.support.clips import answered
from tests.support.galleries import ExactGallery, OneGallery, gallery_of

pytestmark = [pytest.mark.weights, pytest.mark.slow]

PHOTOS = {
    "lin-manuel-miranda.png": "Lin",
    "alex-lacamoire.png": "Alex",
    "obama_official.jpg": "Barack",
    "biden_full.jpg": "Joe",
}


@pytest.fixture(scope="module")
def library(models_dir: Path) -> Library:
    return Library(models_dir)


@pytest.fixture(scope="module")
def gallery(media: Path, library: Library) -> ExactGallery:
    known = {
        media / "images/identity" / photo: {"FaceId": name, "Id": name, "Name": name, "Urls": []}
        for photo, name in PHOTOS.items()
    }
    return gallery_of(known, library)


@pytest.fixture(scope="module")
def hamilton(media: Path, library: Library, gallery: ExactGallery) -> list[Record]:
    return searched(media / "videos/short_hamilton_clip.mp4", library, gallery)


@pytest.fixture(scope="module")
def office(media: Path, library: Library, gallery: ExactGallery) -> list[Record]:
    return searched(media / "videos/googlework_short.mp4", library, gallery)


def searched(clip: Path, library: Library, gallery: ExactGallery, cuts: int = 1) -> list[Record]:
    return answered(clip, face_search.ANALYSIS, {"CollectionId": "people"}, library, cuts, OneGallery(gallery))


def best(record: Record) -> str:
    """Whom the face matches best; nothing for nobody."""
    matches = record.body.get("FaceMatches", [])
    return str(matches[0]["Face"]["FaceId"]) if matches else ""


def times(records: Sequence[Record], person: int) -> list[int]:
    return [r.timestamp_ms for r in records if r.index == person]


def left(record: Record) -> float:
    return float(record.body["Person"]["BoundingBox"]["Left"])


def test_photos_of_one_person_are_told_from_those_of_others(media: Path, library: Library) -> None:
    pairs = identity_pairs({file: media / file for file in identity_files(media)}, library)
    found: dict[str, Any] = score_identities(media, lambda *_: [pairs])
    assert found["rank1"] == 1
    assert found["tar@far0.001"] >= 0.996
    assert found["at 80"]["tar"] >= 0.99
    assert found["at 80"]["fmr"] <= 0.001
    assert found["at 99"]["tar"] >= 0.85
    assert found["at 99"]["false_matches"] == 0
    thresholds = curve(media, lambda *_: [pairs])
    assert [thresholds[0][name] for name in ("threshold", "tar", "fmr")] == [0, 1, 1]  # nothing below 0
    assert all(low["fmr"] >= high["fmr"] for low, high in pairwise(thresholds))


def test_the_singer_the_pianist_and_the_president_are_found_and_nobody_else(hamilton: list[Record]) -> None:
    assert len({(best(r), r.index) for r in hamilton if best(r)}) == 3  # each is one person, whatever the shot
    singer, pianist, president = (
        [r.timestamp_ms for r in hamilton if best(r) == name] for name in ("Lin", "Alex", "Barack")
    )
    assert singer[:2] == [0, 500]
    assert all(3000 <= t < 7500 for t in singer[2:])
    assert len(singer) >= 10
    assert pianist[0] == 0
    assert pianist[-1] < 3000
    assert len(president) == 4  # in profile, in the last shot
    assert min(president) >= 7500
    assert min(r.body["FaceMatches"][0]["Similarity"] for r in hamilton if best(r) == "Lin") > 99


def test_people_in_the_audience_keep_their_indices(hamilton: list[Record]) -> None:
    audience = [r for r in hamilton if r.timestamp_ms >= 7500]
    lasting = [person for person in {r.index for r in audience} if len(times(audience, person)) >= 4]
    assert len(lasting) >= 4
    for _, sample in groupby(audience, key=lambda r: r.timestamp_ms):
        seen = [r.index for r in sample]
        assert len(set(seen)) == len(seen)


def test_four_colleagues_and_two_interviewed_are_six_people(office: list[Record]) -> None:
    sofa = [r for r in office if 18000 <= r.timestamp_ms < 20500]
    colleagues = {r.index for r in sofa}
    assert len(colleagues) == 4
    assert all(len(times(sofa, person)) == 5 for person in colleagues)
    # The first interview cuts to the man at his desk and back; then comes the second man.
    first, second = (
        {r.index for r in office if low <= r.timestamp_ms < high} for low, high in ((20500, 27500), (27500, 32000))
    )
    assert len(first) == len(second) == 1
    assert not first & second
    assert not (first | second) & colleagues
    assert {left(r) > 0.6 for r in office if r.index in first} == {True, False}
    assert not any(map(best, office))


@pytest.mark.parametrize("clip", ["short_hamilton_clip.mp4", "googlework_short.mp4"])
def test_the_answer_does_not_depend_on_how_the_clip_is_cut(
    clip: str, media: Path, library: Library, gallery: ExactGallery, request: pytest.FixtureRequest
) -> None:
    whole = request.getfixturevalue("hamilton" if "hamilton" in clip else "office")
    assert searched(media / "videos" / clip, library, gallery, cuts=5) == whole


def test_celebrities_are_recognised_and_strangers_left_out(
    media: Path, library: Library, gallery: ExactGallery
) -> None:
    clip = media / "videos/short_hamilton_clip.mp4"
    records = answered(clip, celebrities.ANALYSIS, {}, library, galleries=OneGallery(gallery))
    assert {r.name for r in records} == {"Lin", "Barack"}
    assert len([r for r in records if r.name == "Lin"]) >= 10
    assert min(r.confidence for r in records) >= 95
    assert answered(clip, celebrities.ANALYSIS, {}, library) == []
