"""Searches in collections as boto3 sees them, over real HTTP, Redis and database; a thread stands for the worker's process."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError

from pipeline.faces import fill
from pipeline.faces.files import MatrixFiles
from pipeline.store import collections, faces
from pipeline.store.engine import reading, writing
from pipeline.store.faces import Face
from tests.support.api_installation import rekognition
from tests.support.image_installation import answering
from tests.support.known_faces import keep, people
from tests.support.pictures import flat_jpeg
from tests.support.sns_installation import Installation

GREY = flat_jpeg(200, 200, 128)
UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    with answering(image_timeout_s=20) as one:
        yield one


@dataclass(frozen=True, slots=True)
class User:
    """boto3, and a collection of forty faces of five people.

    Attributes:
        client: Of Rekognition.
        faces: Those of the collection `known`, in the order of arrival.
    """

    client: Any
    faces: list[Face]

    def search(self, **request: Any) -> dict[str, Any]:
        """SearchFaces for the first face."""
        answered: dict[str, Any] = self.client.search_faces(
            **{"CollectionId": "known", "FaceId": self.faces[0].id, **request}
        )
        return answered


@pytest.fixture(scope="module")
def user(installation: Installation) -> User:
    client = rekognition(installation)
    for name in ("known", "old", "empty", "large"):
        client.create_collection(CollectionId=name)
    account, engine = installation.key.account, installation.services.engine
    keep(engine, people(3, 30), "large", account)
    return User(client, keep(engine, people(1, 40), "known", account))


def refusal(call: Callable[..., Any], **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**request)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def test_matches_are_ordered_and_the_searched_face_is_none(user: User) -> None:
    found = user.search()
    assert found["SearchedFaceId"] == user.faces[0].id
    assert found["FaceModelVersion"] == "2021.12"
    alike = [match["Similarity"] for match in found["FaceMatches"]]
    assert alike == sorted(alike, reverse=True)
    assert alike
    assert min(alike) >= 80
    assert user.faces[0].id not in {match["Face"]["FaceId"] for match in found["FaceMatches"]}
    first = found["FaceMatches"][0]
    assert first["Face"] == next(face.wire for face in user.faces if face.id == first["Face"]["FaceId"])


def test_the_threshold_and_the_number_of_faces_are_kept_to(user: User) -> None:
    every = user.search(FaceMatchThreshold=0)["FaceMatches"]
    assert len(every) == 39
    for most in (1, 7, 39, 4096):
        assert user.search(FaceMatchThreshold=0, MaxFaces=most)["FaceMatches"] == every[:most]
    for least in (every[5]["Similarity"], 50, 80.0, 100):
        fit = [match for match in every if match["Similarity"] >= least]
        assert user.search(FaceMatchThreshold=least)["FaceMatches"] == fit


def test_a_face_that_is_not_in_the_collection_is_named(user: User) -> None:
    for face, name in ((UNKNOWN, "known"), (user.faces[0].id, "empty")):
        code, message = refusal(user.client.search_faces, CollectionId=name, FaceId=face)
        assert code == "InvalidParameterException"
        assert message.startswith("Request has invalid parameters: FaceId")
        assert f"{face}: faceId was not found in the collection {name}" in message


def test_a_face_that_was_deleted_is_neither_found_nor_searched(installation: Installation, user: User) -> None:
    (kept,) = keep(installation.services.engine, people(1, 1), "known", installation.key.account)
    assert kept.id in {match["Face"]["FaceId"] for match in user.search()["FaceMatches"]}
    user.client.delete_faces(CollectionId="known", FaceIds=[kept.id])
    assert kept.id not in {match["Face"]["FaceId"] for match in user.search(FaceMatchThreshold=0)["FaceMatches"]}
    assert refusal(user.client.search_faces, CollectionId="known", FaceId=kept.id)[0] == "InvalidParameterException"


@pytest.mark.parametrize(
    ("wrong", "member"),
    [
        ({"MaxFaces": 4097}, "maxFaces"),
        ({"FaceMatchThreshold": 100.5}, "faceMatchThreshold"),
        ({"FaceId": "A" * 36}, "faceId"),
        ({"CollectionId": "no spaces"}, "collectionId"),
    ],
)
def test_what_the_model_does_not_allow_is_refused_by_name(user: User, wrong: dict[str, Any], member: str) -> None:
    code, message = refusal(user.client.search_faces, **{"CollectionId": "known", "FaceId": UNKNOWN, **wrong})
    assert code == "ValidationException"
    assert member in message


def test_less_than_one_face_is_refused_before_it_is_sent(user: User) -> None:
    with pytest.raises(ParamValidationError):
        user.search(MaxFaces=0)


def test_collections_that_are_not_there_and_those_of_others_are_not_found(
    installation: Installation, user: User
) -> None:
    stranger = rekognition(installation, installation.services.keys.create("999988887777"))
    for client, name in ((user.client, "none"), (stranger, "known")):
        for call, request in (
            (client.search_faces, {"FaceId": user.faces[0].id}),
            (client.search_faces_by_image, {"Image": {"Bytes": GREY}}),
        ):
            expected = ("ResourceNotFoundException", f"The collection id: {name} does not exist")
            assert refusal(call, CollectionId=name, **request) == expected


def test_collections_of_another_model_say_what_can_be_done(installation: Installation, user: User) -> None:
    with writing(installation.services.engine) as connection:
        connection.exec_driver_sql("UPDATE collections SET face_model_version = '1.0' WHERE name = 'old'")
    for call, request in (
        (user.client.search_faces, {"FaceId": UNKNOWN}),
        (user.client.search_faces_by_image, {"Image": {"Bytes": GREY}}),
        (user.client.index_faces, {"Image": {"Bytes": GREY}}),
    ):
        code, message = refusal(call, CollectionId="old", **request)
        assert code == "InvalidParameterException"
        assert message.startswith("Request has invalid parameters: CollectionId")
        for word in ("old", "version 1.0", "2021.12", "reelsight collections reindex"):
            assert word in message


def test_a_search_that_would_wait_for_a_long_filling_is_throttled(
    installation: Installation, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fill, "STEP", 10)
    services = installation.services
    with reading(services.engine) as connection:
        collection = collections.get(connection, installation.key.account, "large")
        face = faces.listed(connection, collection, -1, 1)[0].id
    with MatrixFiles(services.settings.face_matrices_path / collection.id).locked():
        code, message = refusal(user.client.search_faces, CollectionId="large", FaceId=face)
    assert code == "ThrottlingException"
    assert "has read 0 of 30 faces. Try your call again." in message
    found = user.client.search_faces(CollectionId="large", FaceId=face, FaceMatchThreshold=0)
    assert len(found["FaceMatches"]) == 29


def test_a_collection_that_is_deleted_is_not_found_by_the_next_search(user: User) -> None:
    user.client.create_collection(CollectionId="brief")
    user.client.delete_collection(CollectionId="brief")
    code, _ = refusal(user.client.search_faces, CollectionId="brief", FaceId=UNKNOWN)
    assert code == "ResourceNotFoundException"
