"""SearchFaces and SearchFacesByImage on photos of people who are known: the same people are found, others are not."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from pipeline.errors import RequestError
from pipeline.images.answer import _outcome, load
from pipeline.images.call import Call
from pipeline.mailbox import Letter
from pipeline.media.still import decode
from pipeline.models.library import Library
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.store import celebrities, collections, faces
from pipeline.store.celebrities import Celebrity
from pipeline.store.engine import reading, writing
from pipeline.store.faces import Image, NewFace
from pipeline.store.metadata import utcnow
from tests.support.jobs_installation import ACCOUNT, SECRET, RememberingQueue
from tests.support.known_faces import people
from tests.support.pictures import jpeg

pytestmark = pytest.mark.weights

FAMILY = ("Family1-Dad1", "Family1-Dad2", "Family1-Mom1", "Family1-Mom2", "Family1-Son1")
Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def library(models_dir: Path) -> Library:
    return Library(models_dir, threads=2)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("search"), secret_key=SECRET)
    made = Services.from_settings(settings, RememberingQueue())
    made.prepare()
    with writing(made.engine) as connection:
        for name in ("known", "group"):
            collections.create(connection, ACCOUNT, name, "us-east-1", utcnow())
    yield made
    made.close()


@pytest.fixture(scope="module")
def ask(services: Services, library: Library) -> Ask:
    """An operation on the collection, with an image or without."""

    def run(operation: str, content: bytes | None = None, **request: Any) -> dict[str, Any]:
        images = {} if content is None else {"Image": content}
        return load(operation)(Call(services, library, ACCOUNT, {"CollectionId": "known", **request}, images))

    return run


def photo(media: Path, name: str) -> bytes:
    return (media / f"images/identity/azure_{name}.jpg").read_bytes()


@pytest.fixture(scope="module")
def known(ask: Ask, media: Path) -> dict[str, str]:
    """Photo -> FaceId of the one face in it."""
    records = {name: ask("IndexFaces", photo(media, name), ExternalImageId=name)["FaceRecords"] for name in FAMILY}
    return {name: one["Face"]["FaceId"] for name, (one,) in records.items()}


def shown(answer: dict[str, Any]) -> list[str]:
    return [match["Face"]["ExternalImageId"] for match in answer["FaceMatches"]]


def refused(ask: Ask, *arguments: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(RequestError) as error:
        ask(*arguments, **request)
    return error.value.code, error.value.message


def test_another_photo_of_a_person_is_found_and_no_one_elses(ask: Ask, known: dict[str, str], media: Path) -> None:
    found = ask("SearchFaces", FaceId=known["Family1-Dad1"])
    assert (found["SearchedFaceId"], found["FaceModelVersion"]) == (known["Family1-Dad1"], "2021.12")
    assert shown(found) == ["Family1-Dad2"]
    by_image = ask("SearchFacesByImage", photo(media, "Family1-Dad1"))
    assert shown(by_image) == ["Family1-Dad1", "Family1-Dad2"]
    assert by_image["FaceMatches"][0]["Similarity"] > 99.9
    assert by_image["FaceMatches"][1] == found["FaceMatches"][0]
    assert shown(ask("SearchFacesByImage", photo(media, "Family1-Dad3")))[:2] == ["Family1-Dad1", "Family1-Dad2"]


def test_the_searched_face_is_the_largest(ask: Ask, media: Path) -> None:
    group = photo(media, "identification1")
    listed = ask("IndexFaces", group, CollectionId="group")["FaceRecords"]
    found = ask("SearchFacesByImage", group, CollectionId="group")
    assert found["SearchedFaceBoundingBox"] == listed[0]["FaceDetail"]["BoundingBox"]
    assert found["SearchedFaceConfidence"] == listed[0]["FaceDetail"]["Confidence"]
    assert found["FaceMatches"][0]["Face"]["FaceId"] == listed[0]["Face"]["FaceId"]
    assert set(found["FaceMatches"][0]) == {"Similarity", "Face"}


def test_all_faces_are_ordered_at_threshold_zero(ask: Ask, known: dict[str, str]) -> None:
    request = {"FaceId": known["Family1-Mom1"], "FaceMatchThreshold": 0}
    every = ask("SearchFaces", **request)["FaceMatches"]
    assert len(every) >= len(FAMILY) - 1
    assert known["Family1-Mom1"] not in {match["Face"]["FaceId"] for match in every}
    alike = [match["Similarity"] for match in every]
    assert alike == sorted(alike, reverse=True)
    assert ask("SearchFaces", **request)["FaceMatches"] == every
    assert ask("SearchFaces", **request, MaxFaces=2)["FaceMatches"] == every[:2]
    assert ask("SearchFaces", **request, MaxFaces=4096)["FaceMatches"] == every
    middle = every[1]["Similarity"]
    assert ask("SearchFaces", **{**request, "FaceMatchThreshold": middle})["FaceMatches"] == every[:2]
    assert ask("SearchFaces", **{**request, "FaceMatchThreshold": 100})["FaceMatches"] == []


def test_a_face_that_is_not_there_is_named(ask: Ask, known: dict[str, str]) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    code, message = refused(ask, "SearchFaces", FaceId=unknown)
    assert code == "InvalidParameterException"
    assert f"{unknown}: faceId was not found in the collection known" in message


def test_an_image_without_a_face_is_refused(ask: Ask) -> None:
    grey = jpeg(np.full((200, 300, 3), 128, np.uint8))
    assert refused(ask, "SearchFacesByImage", grey) == (
        "InvalidParameterException",
        "There are no faces in the image. Should be at least 1.",
    )


def test_faces_that_the_filter_refuses_are_no_faces_and_the_reasons_are_said(ask: Ask, media: Path) -> None:
    still = decode((media / "images/faces/azure_detection2.jpg").read_bytes(), 10**8)
    pixels = still.rgb(still.width, still.height)
    blurred = jpeg(gaussian_filter(pixels, (9, 9, 0)))
    code, message = refused(ask, "SearchFacesByImage", blurred, QualityFilter="AUTO")
    assert code == "InvalidParameterException"
    assert message.startswith("There are no faces in the image. Should be at least 1. 1 was found")
    assert "AUTO" in message
    assert "LOW_SHARPNESS" in message
    assert "SearchedFaceBoundingBox" in ask("SearchFacesByImage", blurred)


def test_the_same_image_many_times_at_once_is_indexed_once(ask: Ask, services: Services, media: Path) -> None:
    with writing(services.engine) as connection:
        collections.create(connection, ACCOUNT, "once", "us-east-1", utcnow())
    group = photo(media, "identification1")
    with ThreadPoolExecutor(8) as pool:
        calls = [
            pool.submit(ask, "IndexFaces", group, CollectionId="once", ExternalImageId=f"beach{n % 2}")
            for n in range(8)
        ]
    found = [[record["Face"]["FaceId"] for record in call.result()["FaceRecords"]] for call in calls]
    assert all(found[n] == found[n % 2] for n in range(8))
    with reading(services.engine) as connection:
        collection = collections.get(connection, ACCOUNT, "once")
        kept = faces.listed(connection, collection, -1, 100)
    assert {face.id for face in kept} == {*found[0], *found[1]}
    assert len(kept) == 2 * len(found[0])
    assert [face.position for face in kept] == list(range(len(kept)))


def test_a_gallery_of_another_model_is_said_to_be_one(
    services: Services, library: Library, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(services.engine) as connection, monkeypatch.context() as before:
        before.setattr(collections, "FACE_MODEL_VERSION", "1.0")
        celebrities.put(connection, Celebrity("1", "Ada"), utcnow())
        face = NewFace({"Left": 0.1, "Top": 0.1, "Width": 0.1, "Height": 0.1}, 99.0, people(1, 1).tobytes())
        celebrities.add_face(connection, "1", Image("00"), face, utcnow())
    letter = Letter(
        {"operation": "RecognizeCelebrities", "account": ACCOUNT, "request": {}, "stored": {}},
        {"Image": photo(media, "Family1-Dad1")},
    )
    error = _outcome(services, library, letter)["error"]
    assert error["code"] == "InternalServerError"
    assert "version 1.0 of the face model" in error["message"]
