"""Items of face search and celebrity recognition, from made-up embeddings."""

from fractions import Fraction
from typing import Any

import numpy as np

from pipeline.aggregate.celebrities import LEAST, CelebrityTimeline
from pipeline.aggregate.face_search import MATCHES, FaceSearchTimeline
from pipeline.aggregate.sightings import Sightings
from pipeline.aggregate.similarity import least_cosine, similarity
from pipeline.aggregate.types import Aggregator, Gallery, Record
from pipeline.detect.types import Embeddings, Faces
from pipeline.media.types import F32, Timestamp
from tests.support.galleries import ExactGallery

AXES = np.eye(8, dtype=np.float32)
KNOWN = ExactGallery(AXES[:2], [{"FaceId": "ann"}, {"FaceId": "bob"}])
STARS = ExactGallery(
    AXES[:2],
    [
        {"Id": "7", "Name": "Ann", "Urls": ["a.example"], "KnownGender": {"Type": "Female"}},
        {"Id": "3", "Name": "Bob", "Urls": [], "KnownGender": {"Type": "Male"}},
    ],
)


def leaning(number: int, cosine: float) -> F32:
    """A vector of length 1 with this cosine to an axis, and the rest along one that nobody has."""
    return np.asarray(AXES[number] * cosine + AXES[number + 4] * (1 - cosine**2) ** 0.5, np.float32)


def found(*vectors: F32, quality: float = 1.0) -> dict[str, Any]:
    count = len(vectors)
    boxes = np.array([[0.3 * k, 0.2, 0.1, 0.1] for k in range(count)], np.float32).reshape(-1, 4)
    faces = Faces(
        boxes,
        np.full(count, 0.9, np.float32),
        np.full((count, 5, 2), 0.5, np.float32),
        np.zeros((count, 3), np.float32),
        np.full((count, 2), 50, np.float32),
    )
    rows = np.array(vectors, np.float32).reshape(count, 8)
    return {"faces": faces, "vectors": Embeddings(rows, np.full(count, quality, np.float32))}


def records(aggregator: Aggregator, *samples: dict[str, Any]) -> list[Record]:
    early = [r for k, s in enumerate(samples) for r in aggregator.add(k * 10, Timestamp(k, Fraction(1, 2)), s)]
    return early + list(aggregator.finish(Timestamp(len(samples), Fraction(1, 2))))


def search(gallery: Gallery | None, least: float = 80) -> FaceSearchTimeline:
    return FaceSearchTimeline(Sightings("faces", "vectors", 1.0), gallery, least)


def stars(gallery: Gallery | None) -> CelebrityTimeline:
    return CelebrityTimeline(Sightings("faces", "vectors", 1.0), gallery)


def test_people_come_with_the_faces_they_match() -> None:
    items = records(search(KNOWN), found(leaning(0, 0.7), AXES[3]), found(), found(leaning(0, 0.7)))
    assert [(r.timestamp_ms, r.index) for r in items] == [(0, 0), (0, 1), (1000, 0)]
    matched, unmatched, again = (r.body for r in items)
    assert matched["FaceMatches"] == [{"Similarity": similarity(0.7), "Face": {"FaceId": "ann"}}]
    assert "FaceMatches" not in unmatched
    assert again["FaceMatches"] == matched["FaceMatches"]
    assert matched["Person"]["Index"] == 0
    assert set(matched["Person"]["Face"]) == {"BoundingBox", "Landmarks", "Pose", "Quality", "Confidence"}
    assert matched["Person"]["BoundingBox"] == matched["Person"]["Face"]["BoundingBox"]


def test_somebody_who_turns_away_stays_matched() -> None:
    film = [found(leaning(0, 0.9)), found(leaning(0, 0.35), quality=0.2), found(leaning(0, 0.9))]
    items = records(search(KNOWN), *film)
    assert [r.index for r in items] == [0, 0, 0]
    assert len({str(r.body["FaceMatches"]) for r in items}) == 1
    assert "FaceMatches" not in records(search(KNOWN), film[1])[0].body


def test_the_threshold_decides() -> None:
    film = found(leaning(0, least_cosine(90) - 0.001))
    assert "FaceMatches" not in records(search(KNOWN, 90), film)[0].body
    assert records(search(KNOWN, 80), film)[0].body["FaceMatches"][0]["Similarity"] < 90
    everybody = records(search(KNOWN, 0), film)[0].body["FaceMatches"]
    assert [match["Face"]["FaceId"] for match in everybody] == ["ann", "bob"]


def test_matches_are_the_best_few() -> None:
    crowd = ExactGallery(np.stack([leaning(0, 0.99 - 0.01 * k) for k in range(20)]), [{"FaceId": k} for k in range(20)])
    (item,) = records(search(crowd), found(AXES[0]))
    assert [match["Face"]["FaceId"] for match in item.body["FaceMatches"]] == list(range(MATCHES))


def test_faces_that_cannot_be_compared_and_missing_collections_match_nobody() -> None:
    assert "FaceMatches" not in records(search(KNOWN), found(AXES[0], quality=0))[0].body
    assert "FaceMatches" not in records(search(None), found(AXES[0]))[0].body
    assert records(search(KNOWN), {}, found()) == []


def test_celebrities_are_those_who_are_surely_known() -> None:
    film = [found(leaning(1, 0.8), AXES[3]), found(leaning(1, 0.8), leaning(0, least_cosine(LEAST) - 0.01))]
    timeline = stars(STARS)
    items = records(timeline, *film)
    assert [(r.timestamp_ms, r.name) for r in items] == [(0, "3"), (500, "3")]
    known = items[0].body["Celebrity"]
    assert (known["Id"], known["Name"], known["Urls"], known["KnownGender"]) == ("3", "Bob", [], {"Type": "Male"})
    assert known["Confidence"] == items[0].confidence == similarity(0.8)
    assert known["BoundingBox"] == known["Face"]["BoundingBox"]
    assert timeline.summary() == {}


def test_the_best_photo_says_who_it_is() -> None:
    twice = ExactGallery(np.stack([leaning(0, 0.7), AXES[0]]), [STARS.known[0], STARS.known[1]])
    (item,) = records(stars(twice), found(AXES[0]))
    assert item.name == "3"


def test_an_empty_gallery_is_answered_with_advice() -> None:
    timeline = stars(None)
    assert records(timeline, found(AXES[0])) == []
    assert "reelsight celebrities import PATH" in timeline.summary()["StatusMessage"]
