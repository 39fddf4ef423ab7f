"""Users as boto3 sees them, over real HTTP, Redis and database; a thread stands for the worker's process."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.validate import ParamValidator

from api.protocol import model
from pipeline.images.answer import answer, load
from pipeline.images.call import Call
from pipeline.models.library import Library
from pipeline.store import collections
from tests.support.api_installation import assert_error, client, rekognition
from tests.support.image_installation import answering
from tests.support.known_faces import keep
from tests.support.pictures import flat_jpeg
from tests.support.signed_calls import call
from tests.support.sns_installation import Installation
from tests.support.user_calls import NOBODY, somebody

__all__ = ["client"]

_names = (f"users-{n}" for n in itertools.count())


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    with answering(image_timeout_s=8) as one:
        yield one


class User:
    """boto3 and a new collection, the one of every request; answers must fit the model."""

    def __init__(self, boto: Any, installation: Installation) -> None:
        self.boto = boto
        self.collection = next(_names)
        self._installation = installation
        boto.create_collection(CollectionId=self.collection)

    def faces(self, seed: int, count: int = 1) -> list[str]:
        """Ids of new faces of one person."""
        engine, account = self._installation.services.engine, self._installation.key.account
        return [face.id for face in keep(engine, somebody(seed, count), self.collection, account)]

    def __getattr__(self, name: str) -> Any:
        shape = model.operations()["".join(word.capitalize() for word in name.split("_"))].output_shape

        def ask(**members: Any) -> dict[str, Any]:
            found: dict[str, Any] = getattr(self.boto, name)(**{"CollectionId": self.collection, **members})
            assert found.pop("ResponseMetadata")["HTTPStatusCode"] == 200
            assert set(found) <= set(shape.members)
            report = ParamValidator().validate(found, shape)
            assert not report.has_errors(), report.generate_report()
            return found

        return ask


@pytest.fixture
def user(installation: Installation) -> User:
    return User(rekognition(installation), installation)


def test_users_from_their_creation_to_their_end(user: User) -> None:
    mine, theirs = user.faces(1, 3), user.faces(2, 2)
    assert user.create_user(UserId="ann:1") == {}
    user.create_user(UserId="bob")
    assert user.describe_collection()["UserCount"] == 2
    done = user.associate_faces(UserId="ann:1", FaceIds=mine[:2])
    assert done["AssociatedFaces"] == [{"FaceId": face} for face in mine[:2]]
    assert (done["UnsuccessfulFaceAssociations"], done["UserStatus"]) == ([], "ACTIVE")
    user.associate_faces(UserId="bob", FaceIds=theirs)
    refused = user.associate_faces(UserId="ann:1", FaceIds=[theirs[0], NOBODY])["UnsuccessfulFaceAssociations"]
    assert [(one["Reasons"], one.get("UserId")) for one in refused] == [
        (["ASSOCIATED_TO_A_DIFFERENT_USER"], "bob"),
        (["FACE_NOT_FOUND"], None),
    ]
    assert user.list_users()["Users"] == [
        {"UserId": "ann:1", "UserStatus": "ACTIVE"},
        {"UserId": "bob", "UserStatus": "ACTIVE"},
    ]
    listed = user.list_faces(UserId="ann:1")["Faces"]
    assert [(face["FaceId"], face["UserId"]) for face in listed] == [(face, "ann:1") for face in mine[:2]]
    found = user.search_users(FaceId=mine[2])
    assert found["SearchedFace"] == {"FaceId": mine[2]}
    (match,) = found["UserMatches"]
    assert match["User"] == {"UserId": "ann:1", "UserStatus": "ACTIVE"}
    assert 80 <= match["Similarity"] <= 100
    alike = user.search_faces(FaceId=mine[2])["FaceMatches"]
    assert {one["Face"]["UserId"] for one in alike} == {"ann:1"}
    kept = user.boto.delete_faces(CollectionId=user.collection, FaceIds=[mine[0], mine[2]])
    assert kept["DeletedFaces"] == [mine[2]]
    assert kept["UnsuccessfulFaceDeletions"] == [
        {"FaceId": mine[0], "UserId": "ann:1", "Reasons": ["ASSOCIATED_TO_AN_EXISTING_USER"]}
    ]
    gone = user.disassociate_faces(UserId="ann:1", FaceIds=mine[:2])
    assert gone["DisassociatedFaces"] == [{"FaceId": face} for face in mine[:2]]
    assert gone["UserStatus"] == "CREATED"
    assert user.delete_user(UserId="bob") == {}
    assert user.list_users()["Users"] == [{"UserId": "ann:1", "UserStatus": "CREATED"}]
    assert user.describe_collection()["UserCount"] == 1
    assert len(user.delete_faces(FaceIds=theirs)["DeletedFaces"]) == 2


def test_the_sdk_sends_tokens_of_its_own_and_ours_are_kept(user: User) -> None:
    user.create_user(UserId="ann")
    with pytest.raises(user.boto.exceptions.ConflictException, match="ann already exists"):
        user.create_user(UserId="ann")
    (face,) = user.faces(1)
    request = {"UserId": "ann", "FaceIds": [face], "ClientRequestToken": f"token-{user.collection}"}
    first = user.associate_faces(**request)
    assert user.associate_faces(**request) == first
    mismatch = user.boto.exceptions.IdempotentParameterMismatchException
    with pytest.raises(mismatch, match="ClientRequestToken: token-"):
        user.associate_faces(**{**request, "UserMatchThreshold": 0.0})


def test_the_paginator_lists_all_users(user: User, installation: Installation) -> None:
    names = [f"u{n}" for n in range(7)]
    for name in names:
        user.create_user(UserId=name)
    for size in (1, 3, 7, 500):
        pages = user.boto.get_paginator("list_users").paginate(
            CollectionId=user.collection, PaginationConfig={"PageSize": size}
        )
        assert [one["UserId"] for one in pages.build_full_result()["Users"]] == names
    token = user.list_users(MaxResults=2)["NextToken"]
    other = User(user.boto, installation)
    for given in (token + "x", "x", token[:-2]):
        with pytest.raises(user.boto.exceptions.InvalidPaginationTokenException):
            user.list_users(NextToken=given)
    with pytest.raises(user.boto.exceptions.InvalidPaginationTokenException):
        other.list_users(NextToken=token)


def test_a_search_wants_one_of_face_and_user(user: User) -> None:
    (face,) = user.faces(1)
    user.create_user(UserId="ann")
    for request in ({}, {"UserId": "ann", "FaceId": face}, {"FaceId": NOBODY}):
        with pytest.raises(user.boto.exceptions.InvalidParameterException, match="Request has invalid parameters"):
            user.search_users(**request)
    with pytest.raises(user.boto.exceptions.ResourceNotFoundException, match="eve"):
        user.search_users(UserId="eve")
    assert user.search_users(UserId="ann") == {
        "UserMatches": [],
        "FaceModelVersion": collections.FACE_MODEL_VERSION,
        "SearchedUser": {"UserId": "ann"},
    }


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("CreateUser", {"UserId": ""}, "userId"),
    ("CreateUser", {"UserId": "a b"}, "userId"),
    ("CreateUser", {"UserId": "x" * 129}, "userId"),
    ("CreateUser", {"UserId": "é"}, "userId"),
    ("CreateUser", {"UserId": "ann", "ClientRequestToken": "a b"}, "clientRequestToken"),
    ("CreateUser", {}, "userId"),
    ("AssociateFaces", {"UserId": "ann", "FaceIds": []}, "faceIds"),
    ("AssociateFaces", {"UserId": "ann", "FaceIds": [NOBODY] * 101}, "faceIds"),
    ("AssociateFaces", {"UserId": "ann", "FaceIds": ["none"]}, "faceIds"),
    ("AssociateFaces", {"UserId": "ann", "FaceIds": [NOBODY], "UserMatchThreshold": 101}, "userMatchThreshold"),
    ("DisassociateFaces", {"UserId": "ann", "FaceIds": []}, "faceIds"),
    ("ListUsers", {"MaxResults": 0}, "maxResults"),
    ("ListUsers", {"MaxResults": 501}, "maxResults"),
    ("SearchUsers", {"UserId": "ann", "MaxUsers": 501}, "maxUsers"),
    ("SearchUsers", {"UserId": "ann", "UserMatchThreshold": -1}, "userMatchThreshold"),
    ("SearchUsersByImage", {"Image": {"Bytes": "AAAA"}, "QualityFilter": "BEST"}, "qualityFilter"),
]


@pytest.mark.parametrize(("operation", "members", "named"), WRONG)
def test_impossible_values_are_refused(
    client: httpx.Client, installation: Installation, operation: str, members: dict[str, Any], named: str
) -> None:
    found = call(client, installation.key, operation, {"CollectionId": "none", **members})
    assert named in assert_error(found, 400, "ValidationException")


@pytest.mark.parametrize("members", [{"UserId": 5}, {"UserId": "ann", "FaceIds": "x"}, {"UserId": None, "FaceIds": {}}])
def test_wrong_types_are_refused(client: httpx.Client, installation: Installation, members: dict[str, Any]) -> None:
    found = call(client, installation.key, "AssociateFaces", {"CollectionId": "none", **members})
    assert found.status_code == 400, found.text


def test_what_a_worker_did_that_died_before_its_answer_is_answered(
    user: User, client: httpx.Client, installation: Installation
) -> None:
    """Also where the caller sends no token."""
    (face,) = user.faces(1)
    user.create_user(UserId="ann")
    services, wakes, working = installation.services, [], installation.wake_ups.answer_image

    def wake(letter_id: str) -> None:
        wakes.append(letter_id)
        if len(wakes) > 1:
            answer(services, Library(Path("none")), letter_id, "again")
            return
        letter = services.mailbox.take(letter_id)
        assert letter
        load("AssociateFaces")(
            Call(services, Library(Path("none")), letter.body["account"], letter.body["request"], {})
        )

    installation.wake_ups.answer_image = wake
    try:
        members = {"CollectionId": user.collection, "UserId": "ann", "FaceIds": [face]}
        found = call(client, installation.key, "AssociateFaces", members)
    finally:
        installation.wake_ups.answer_image = working
    assert len(wakes) == 2
    assert found.json()["AssociatedFaces"] == [{"FaceId": face}]


def test_users_of_others_do_not_exist(user: User, installation: Installation) -> None:
    (face,) = user.faces(1)
    user.create_user(UserId="ann")
    stranger = rekognition(installation, installation.services.keys.create("999988887775"))
    missing = stranger.exceptions.ResourceNotFoundException
    image = {"Bytes": flat_jpeg(200, 200, 128)}
    for ask, members in (
        (stranger.create_user, {"UserId": "bob"}),
        (stranger.delete_user, {"UserId": "ann"}),
        (stranger.list_users, {}),
        (stranger.associate_faces, {"UserId": "ann", "FaceIds": [face]}),
        (stranger.disassociate_faces, {"UserId": "ann", "FaceIds": [face]}),
        (stranger.search_users, {"UserId": "ann"}),
        (stranger.search_users_by_image, {"Image": image}),
    ):
        with pytest.raises(missing, match=f"The collection id: {user.collection} does not exist"):
            ask(CollectionId=user.collection, **members)


def test_vectors_of_users_are_no_collection_that_can_be_named(user: User) -> None:
    user.create_user(UserId="ann")
    user.associate_faces(UserId="ann", FaceIds=user.faces(1))
    assert all(" " not in name for name in user.boto.list_collections()["CollectionIds"])
    assert user.describe_collection()["FaceCount"] == 1
