"""Collections as boto3 sees them, over real HTTP; every answer is checked against botocore's model."""

import hashlib
import itertools
import struct
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from botocore.validate import ParamValidator

from api.protocol import model
from pipeline.store import collections, faces
from pipeline.store.engine import writing
from pipeline.store.faces import Face, Image, NewFace
from tests.support.api_installation import assert_error, client, installation, rekognition
from tests.support.signed_calls import call
from tests.support.sns_installation import ACCOUNT, Installation

__all__ = ["client", "installation"]

VECTOR = struct.pack("<128f", 1.0, *[0.0] * 127)
NOBODY = "00000000-0000-0000-0000-000000000000"
_names = (f"Collection_{n}.x-y" for n in itertools.count())


class Checked:
    """A client whose answers must fit the model."""

    def __init__(self, boto: Any) -> None:
        self.boto = boto

    def __getattr__(self, name: str) -> Any:
        operation = model.operations()["".join(word.capitalize() for word in name.split("_"))]

        def ask(**members: Any) -> dict[str, Any]:
            answer: dict[str, Any] = getattr(self.boto, name)(**members)
            meta = answer.pop("ResponseMetadata")
            assert meta["HTTPStatusCode"] == 200
            assert set(answer) <= set(operation.output_shape.members)
            report = ParamValidator().validate(answer, operation.output_shape)
            assert not report.has_errors(), report.generate_report()
            return answer

        return ask


@pytest.fixture
def user(installation: Installation) -> Checked:
    return Checked(rekognition(installation))


@pytest.fixture
def name(user: Checked) -> str:
    """A new, empty collection."""
    made = next(_names)
    user.create_collection(CollectionId=made)
    return made


def fill(installation: Installation, name: str, count: int, **given: Any) -> list[Face]:
    """Faces of one image each, as IndexFaces keeps them."""
    box = {"Left": 0.25, "Top": 0.125, "Width": 0.5, "Height": 0.75}
    kept: list[Face] = []
    with writing(installation.services.engine) as connection:
        for n in range(count):
            picture = Image(hashlib.sha256(f"{given} {n}".encode()).hexdigest(), f"photo:{n}" if n % 2 else None)
            kept += faces.add(connection, ACCOUNT, name, picture, [NewFace(box, 99.5, VECTOR, **given)])
    return kept


def test_a_collection_from_its_creation_to_its_end(user: Checked) -> None:
    name = next(_names)
    made = user.create_collection(CollectionId=name, Tags={"team": "blue", "é": ""})
    arn = f"arn:aws:rekognition:us-east-1:{ACCOUNT}:collection/{name}"
    version = collections.FACE_MODEL_VERSION
    assert made == {"StatusCode": 200, "CollectionArn": arn, "FaceModelVersion": version}
    seen = user.describe_collection(CollectionId=name)
    assert abs(seen.pop("CreationTimestamp") - datetime.now(UTC)) < timedelta(minutes=1)
    assert seen == {"FaceCount": 0, "FaceModelVersion": version, "CollectionARN": arn, "UserCount": 0}
    assert user.list_faces(CollectionId=name) == {"Faces": [], "FaceModelVersion": version}
    assert user.delete_collection(CollectionId=name) == {"StatusCode": 200}
    with pytest.raises(
        user.boto.exceptions.ResourceNotFoundException, match=f"The collection id: {name} does not exist"
    ):
        user.describe_collection(CollectionId=name)
    user.create_collection(CollectionId=name)


def test_tags_are_kept(user: Checked, installation: Installation) -> None:
    name, tags = next(_names), {f"key {n}": f"välue {n}" for n in range(200)}
    user.create_collection(CollectionId=name, Tags=tags)
    with writing(installation.services.engine) as connection:
        assert collections.get(connection, ACCOUNT, name).tags == tags


def test_names_are_taken_once_and_case_matters(user: Checked, name: str) -> None:
    with pytest.raises(
        user.boto.exceptions.ResourceAlreadyExistsException, match=f"The collection id: {name} already exists"
    ):
        user.create_collection(CollectionId=name)
    user.create_collection(CollectionId=name.upper())


def test_the_paginator_lists_all_collections_with_their_versions(user: Checked) -> None:
    made = [next(_names) for _ in range(5)]
    for one in made:
        user.create_collection(CollectionId=one)
    whole = user.list_collections()
    assert [one for one in whole["CollectionIds"] if one in made] == made
    assert "NextToken" not in whole
    for size in (1, 2, len(whole["CollectionIds"]), 4096):
        pages = user.boto.get_paginator("list_collections").paginate(PaginationConfig={"PageSize": size})
        listed = pages.build_full_result()
        assert listed["CollectionIds"] == whole["CollectionIds"]
        assert listed["FaceModelVersions"] == whole["FaceModelVersions"]
        assert len(listed["FaceModelVersions"]) == len(listed["CollectionIds"])


def test_the_paginator_lists_all_faces(user: Checked, name: str, installation: Installation) -> None:
    kept = fill(installation, name, 7)
    whole = user.list_faces(CollectionId=name)
    assert whole["Faces"] == [face.wire for face in kept]
    assert [face.get("ExternalImageId") for face in whole["Faces"]] == [
        None,
        "photo:1",
        None,
        "photo:3",
        None,
        "photo:5",
        None,
    ]
    for size in (1, 3, 7, 4096):
        pages = list(
            user.boto.get_paginator("list_faces").paginate(CollectionId=name, PaginationConfig={"PageSize": size})
        )
        assert len(pages) == -(-7 // size)
        assert all(page["FaceModelVersion"] == collections.FACE_MODEL_VERSION for page in pages)
        assert [face for page in pages for face in page["Faces"]] == whole["Faces"]


def test_faces_are_filtered_page_by_page(user: Checked, name: str, installation: Installation) -> None:
    theirs, others = fill(installation, name, 3, user_id="anna:1"), fill(installation, name, 3, user_id="ben")
    wanted = [others[2].id, theirs[2].id, theirs[0].id, NOBODY]
    first = user.list_faces(CollectionId=name, FaceIds=wanted, MaxResults=2)
    assert [face["FaceId"] for face in first["Faces"]] == [theirs[0].id, theirs[2].id]
    rest = user.list_faces(CollectionId=name, FaceIds=wanted, MaxResults=2, NextToken=first["NextToken"])
    assert [face["FaceId"] for face in rest["Faces"]] == [others[2].id]
    assert "NextToken" not in rest
    anna = user.list_faces(CollectionId=name, UserId="anna:1")["Faces"]
    assert [(face["FaceId"], face["UserId"]) for face in anna] == [(face.id, "anna:1") for face in theirs]
    assert user.list_faces(CollectionId=name, UserId="nobody")["Faces"] == []
    with pytest.raises(user.boto.exceptions.InvalidPaginationTokenException):
        user.list_faces(CollectionId=name, UserId="ben", NextToken=first["NextToken"])


def test_who_deletes_what_a_page_shows_misses_nothing(user: Checked, name: str, installation: Installation) -> None:
    kept, seen = fill(installation, name, 7), []
    for page in user.boto.get_paginator("list_faces").paginate(CollectionId=name, PaginationConfig={"PageSize": 2}):
        ids = [face["FaceId"] for face in page["Faces"]]
        seen += ids
        user.delete_faces(CollectionId=name, FaceIds=ids)
    assert seen == [face.id for face in kept]
    assert user.describe_collection(CollectionId=name)["FaceCount"] == 0


def test_deleting_faces_says_which_and_why_not(user: Checked, name: str, installation: Installation) -> None:
    free, taken = fill(installation, name, 3), fill(installation, name, 1, user_id="anna")
    answer = user.boto.delete_faces(
        CollectionId=name, FaceIds=[free[1].id, NOBODY, taken[0].id, free[1].id, free[0].id]
    )
    assert answer["DeletedFaces"] == [free[1].id, free[0].id]
    assert answer["UnsuccessfulFaceDeletions"] == [
        {"FaceId": NOBODY, "Reasons": ["FACE_NOT_FOUND"]},
        {"FaceId": taken[0].id, "UserId": "anna", "Reasons": ["ASSOCIATED_TO_AN_EXISTING_USER"]},
    ]
    assert user.describe_collection(CollectionId=name)["FaceCount"] == 2
    assert [face["FaceId"] for face in user.list_faces(CollectionId=name)["Faces"]] == [free[2].id, taken[0].id]


@pytest.mark.parametrize("operation", ["ListCollections", "ListFaces"])
def test_a_page_of_no_stated_size_is_a_whole_page(
    operation: str, client: httpx.Client, installation: Installation, name: str
) -> None:
    fill(installation, name, 3)
    members = {"CollectionId": name} if operation == "ListFaces" else {}
    plain = call(client, installation.key, operation, members)
    zero = call(client, installation.key, operation, {**members, "MaxResults": 0})
    assert plain.status_code == zero.status_code == 200
    assert plain.json() == zero.json()
    assert any(len(items) >= 1 for items in plain.json().values())
    too_many = call(client, installation.key, operation, {**members, "MaxResults": 4097})
    assert "maxResults" in assert_error(too_many, 400, "ValidationException")


def test_tokens_are_bound_to_account_and_collection(user: Checked, name: str, installation: Installation) -> None:
    fill(installation, name, 3)
    other = next(_names)
    user.create_collection(CollectionId=other)
    token = user.list_faces(CollectionId=name, MaxResults=1)["NextToken"]
    listing = user.list_collections(MaxResults=1)["NextToken"]
    stranger = rekognition(installation, installation.services.keys.create("999988887777"))
    refused = user.boto.exceptions.InvalidPaginationTokenException
    for ask, members in (
        (user.list_faces, {"CollectionId": other, "NextToken": token}),
        (user.list_faces, {"CollectionId": name, "NextToken": listing}),
        (user.list_collections, {"NextToken": token}),
        (user.list_collections, {"NextToken": "x" + listing}),
    ):
        with pytest.raises(refused):
            ask(**members)
    with pytest.raises(stranger.exceptions.InvalidPaginationTokenException):
        stranger.list_collections(NextToken=listing)
    user.delete_collection(CollectionId=name)
    user.create_collection(CollectionId=name)
    with pytest.raises(refused):
        user.list_faces(CollectionId=name, NextToken=token)


def test_accounts_do_not_see_each_others_collections(user: Checked, name: str, installation: Installation) -> None:
    (face,) = fill(installation, name, 1)
    stranger = Checked(rekognition(installation, installation.services.keys.create("999988887776")))
    missing = stranger.boto.exceptions.ResourceNotFoundException
    for ask, members in (
        (stranger.describe_collection, {}),
        (stranger.list_faces, {}),
        (stranger.delete_faces, {"FaceIds": [face.id]}),
        (stranger.delete_collection, {}),
    ):
        with pytest.raises(missing, match=f"The collection id: {name} does not exist"):
            ask(CollectionId=name, **members)
    assert stranger.list_collections() == {"CollectionIds": [], "FaceModelVersions": []}
    stranger.create_collection(CollectionId=name)
    stranger.delete_collection(CollectionId=name)
    assert user.describe_collection(CollectionId=name)["FaceCount"] == 1


def test_an_account_may_have_only_so_many_collections(installation: Installation, user: Checked) -> None:
    count = len(user.list_collections()["CollectionIds"])
    object.__setattr__(installation.services.settings, "max_collections", count + 1)
    try:
        user.create_collection(CollectionId=next(_names))
        with pytest.raises(user.boto.exceptions.ServiceQuotaExceededException, match=str(count + 1)):
            user.create_collection(CollectionId=next(_names))
    finally:
        object.__setattr__(installation.services.settings, "max_collections", 10_000)


@pytest.mark.parametrize("name", ["", "a b", "é", "x" * 256, "a/b", "celebrities\n"])
def test_impossible_names_are_refused(client: httpx.Client, installation: Installation, name: str) -> None:
    answer = call(client, installation.key, "CreateCollection", {"CollectionId": name})
    assert "collectionId" in assert_error(answer, 400, "ValidationException")


def test_a_search_of_faces_needs_its_collection(user: Checked, installation: Installation, name: str) -> None:
    installation.services.objects.put("videos", "clip.mp4", b"pictures")
    video = {"S3Object": {"Bucket": "videos", "Name": "clip.mp4"}}
    with pytest.raises(user.boto.exceptions.ResourceNotFoundException, match="The collection id: none does not exist"):
        user.start_face_search(Video=video, CollectionId="none")
    assert user.start_face_search(Video=video, CollectionId=name)["JobId"]
