"""IndexFaces on real photos: all faces, largest first, each once; filters name what they leave out."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from pipeline.errors import RequestError
from pipeline.images.answer import load
from pipeline.images.call import Call
from pipeline.media.still import decode
from pipeline.models.library import Library
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.store import collections, faces
from pipeline.store.engine import reading, writing
from pipeline.store.metadata import utcnow
from tests.support.jobs_installation import ACCOUNT, SECRET, RememberingQueue
from tests.support.pictures import jpeg, with_exif

pytestmark = pytest.mark.weights

Index = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def library(models_dir: Path) -> Library:
    return Library(models_dir, threads=2)


@pytest.fixture
def max_faces() -> int:
    return 100


@pytest.fixture
def services(tmp_path: Path, max_faces: int) -> Iterator[Services]:
    settings = Settings(data_dir=tmp_path, secret_key=SECRET, max_faces=max_faces)
    made = Services.from_settings(settings, RememberingQueue())
    made.prepare()
    with writing(made.engine) as connection:
        collections.create(connection, ACCOUNT, "known", "us-east-1", utcnow())
    yield made
    made.close()


@pytest.fixture
def index(services: Services, library: Library) -> Index:
    """IndexFaces of an image's bytes."""

    def run(content: bytes, **request: Any) -> dict[str, Any]:
        call = Call(services, library, ACCOUNT, {"CollectionId": "known", **request}, {"Image": content})
        return load("IndexFaces")(call)

    return run


def kept(services: Services) -> list[dict[str, Any]]:
    with reading(services.engine) as connection:
        collection = collections.get(connection, ACCOUNT, "known")
        return [face.wire for face in faces.listed(connection, collection, -1, 1000)]


def areas(found: dict[str, Any]) -> list[float]:
    boxes = [record["FaceDetail"]["BoundingBox"] for record in found["FaceRecords"]]
    return [box["Width"] * box["Height"] for box in boxes]


def test_all_people_of_a_group_are_indexed(index: Index, services: Services, media: Path) -> None:
    photo = (media / "images/faces/solvay1927.jpg").read_bytes()
    found = index(photo, ExternalImageId="solvay:1927")
    assert len(found["FaceRecords"]) == 29
    assert areas(found) == sorted(areas(found), reverse=True)
    records = [record["Face"] for record in found["FaceRecords"]]
    assert sorted(kept(services), key=lambda f: f["FaceId"]) == sorted(records, key=lambda f: f["FaceId"])
    assert {record["ExternalImageId"] for record in records} == {"solvay:1927"}
    assert len({record["ImageId"] for record in records}) == 1
    assert set(found["FaceRecords"][0]["FaceDetail"]) >= {"BoundingBox", "Confidence", "Landmarks", "Pose", "Quality"}

    again = index(photo, ExternalImageId="solvay:1927")
    assert [r["Face"] for r in again["FaceRecords"]] == records, "the same image is not indexed twice"
    assert len(kept(services)) == 29


def test_no_face_is_no_error(index: Index) -> None:
    found = index(jpeg(np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)), DetectionAttributes=["ALL"])
    assert found == {"FaceRecords": [], "FaceModelVersion": collections.FACE_MODEL_VERSION, "UnindexedFaces": []}


def test_the_largest_faces_stay(index: Index, services: Services, media: Path) -> None:
    photo = (media / "images/faces/solvay1927.jpg").read_bytes()
    found = index(photo, MaxFaces=3, QualityFilter="NONE")
    assert len(found["FaceRecords"]) == 3
    assert len(found["UnindexedFaces"]) == 26
    assert {tuple(face["Reasons"]) for face in found["UnindexedFaces"]} == {("EXCEEDS_MAX_FACES",)}
    left = [face["FaceDetail"]["BoundingBox"] for face in found["UnindexedFaces"]]
    assert min(areas(found)) >= max(box["Width"] * box["Height"] for box in left)
    more = index(photo, MaxFaces=5)
    assert [r["Face"]["FaceId"] for r in more["FaceRecords"][:3]] == [r["Face"]["FaceId"] for r in found["FaceRecords"]]
    assert len(kept(services)) == 5


DEFAULT = {"BoundingBox", "Confidence", "Landmarks", "Pose", "Quality"}


def test_attributes_are_those_that_were_asked_for(index: Index, media: Path) -> None:
    """A smiling man of about forty."""
    photo = (media / "images/faces/azure_detection2.jpg").read_bytes()

    def detail(*attributes: str) -> dict[str, Any]:
        (record,) = index(photo, DetectionAttributes=list(attributes))["FaceRecords"]
        return dict(record["FaceDetail"])

    assert set(detail()) == set(detail("DEFAULT")) == DEFAULT
    assert set(detail("GENDER", "SMILE")) == {*DEFAULT, "Gender", "Smile"}
    assert len(detail("GENDER")["Landmarks"]) == 5
    everything = detail("ALL", "DEFAULT")
    assert set(everything) >= {
        *DEFAULT,
        "AgeRange",
        "Emotions",
        "EyeDirection",
        "EyesOpen",
        "Gender",
        "MouthOpen",
        "Smile",
    }
    assert everything["Gender"]["Value"] == "Male"
    assert everything["Smile"]["Value"]
    assert everything["Emotions"][0]["Type"] == "HAPPY"
    assert len(everything["Landmarks"]) == 30


def test_blurred_and_dark_faces_are_left_out_by_name(index: Index, services: Services, media: Path) -> None:
    still = decode((media / "images/faces/azure_detection2.jpg").read_bytes(), 10**8)
    pixels = still.rgb(still.width, still.height)
    blurred, dark = jpeg(gaussian_filter(pixels, (9, 9, 0))), jpeg((pixels * 0.1).astype(np.uint8))
    for content, level, reason in ((blurred, "AUTO", "LOW_SHARPNESS"), (dark, "HIGH", "LOW_BRIGHTNESS")):
        found = index(content, QualityFilter=level)
        assert found["FaceRecords"] == []
        assert [reason in face["Reasons"] for face in found["UnindexedFaces"]] == [True]
    assert kept(services) == []


def test_exif_turns_the_picture_before_faces_are_sought(index: Index, media: Path) -> None:
    still = decode((media / "images/faces/azure_detection2.jpg").read_bytes(), 10**8)
    upright = still.rgb(still.width, still.height)
    expected = index(jpeg(upright))["FaceRecords"][0]["FaceDetail"]
    turned = index(with_exif(jpeg(np.ascontiguousarray(np.rot90(upright))), 6))["FaceRecords"][0]["FaceDetail"]
    for side, value in expected["BoundingBox"].items():
        assert turned["BoundingBox"][side] == pytest.approx(value, abs=0.01)
    assert abs(turned["Pose"]["Roll"]) < 10


def test_one_person_is_alike_in_two_photos_and_another_is_not(index: Index, services: Services, media: Path) -> None:
    for name in ("Family1-Dad1", "Family1-Dad2", "Family1-Mom1"):
        index((media / f"images/identity/azure_{name}.jpg").read_bytes(), ExternalImageId=name)
    with reading(services.engine) as connection:
        collection = collections.get(connection, ACCOUNT, "known")
        rows = list(faces.vectors(connection, collection, 0, 10))
    dad, same, other = (np.frombuffer(vector, "<f4") for _, _, vector in rows)
    assert np.linalg.norm(dad) == pytest.approx(1, abs=1e-5)
    assert dad @ same > 0.363 > dad @ other


@pytest.mark.parametrize("max_faces", [3])
def test_a_full_collection_takes_no_more(index: Index, services: Services, media: Path) -> None:
    photo = (media / "images/identity/azure_identification1.jpg").read_bytes()
    with pytest.raises(RequestError, match="maximum") as refusal:
        index(photo)
    assert refusal.value.code == "ServiceQuotaExceededException"
    assert kept(services) == []
    assert len(index(photo, MaxFaces=3)["FaceRecords"]) == len(kept(services)) == 3
