"""Tags of collections as boto3 sees them, over real HTTP."""

import itertools
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from tests.support.api_installation import assert_error, client, installation, rekognition
from tests.support.signed_calls import call
from tests.support.sns_installation import ACCOUNT, Installation

__all__ = ["client", "installation"]

_names = (f"tagged-{n}" for n in itertools.count())


@pytest.fixture
def user(installation: Installation) -> Any:
    return rekognition(installation)


@pytest.fixture
def arn(user: Any) -> str:
    return str(user.create_collection(CollectionId=next(_names), Tags={"team": "blue", "é": ""})["CollectionArn"])


def test_tags_from_creation_to_removal(user: Any, arn: str) -> None:
    def tags() -> Any:
        answer = user.list_tags_for_resource(ResourceArn=arn)
        assert set(answer) == {"Tags", "ResponseMetadata"}
        return answer["Tags"]

    assert tags() == {"team": "blue", "é": ""}
    added = user.tag_resource(ResourceArn=arn, Tags={"team": "red", "cost centre": "a_.:/=+-@1", "x" * 128: "y" * 256})
    assert set(added) == {"ResponseMetadata"}
    assert tags() == {"team": "red", "é": "", "cost centre": "a_.:/=+-@1", "x" * 128: "y" * 256}
    removed = user.untag_resource(ResourceArn=arn, TagKeys=["é", "x" * 128, "unknown"])
    assert set(removed) == {"ResponseMetadata"}
    assert tags() == {"team": "red", "cost centre": "a_.:/=+-@1"}
    name = arn.rpartition("/")[2]
    assert user.describe_collection(CollectionId=name)["CollectionARN"] == arn
    user.delete_collection(CollectionId=name)
    with pytest.raises(user.exceptions.ResourceNotFoundException, match=f"The resource arn: {arn} does not exist"):
        tags()


def test_a_collection_without_tags_has_an_empty_map(client: httpx.Client, installation: Installation) -> None:
    arn = rekognition(installation).create_collection(CollectionId=next(_names))["CollectionArn"]
    listed = call(client, installation.key, "ListTagsForResource", {"ResourceArn": arn})
    assert (listed.status_code, listed.json()) == (200, {"Tags": {}})
    for operation, members in (("TagResource", {"Tags": {}}), ("UntagResource", {"TagKeys": []})):
        answer = call(client, installation.key, operation, {"ResourceArn": arn, **members})
        assert (answer.status_code, answer.json()) == (200, {})


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"aws:x": ""}, "ValidationException"),
        ({"AWS:x": ""}, "InvalidParameterException"),
        ({"": ""}, "ValidationException"),
        ({"k" * 129: ""}, "ValidationException"),
        ({"k": "v" * 257}, "ValidationException"),
        ({"k;": ""}, "ValidationException"),
        ({"k": "v\n"}, "ValidationException"),
        ({"k": "\U0001f600"}, "ValidationException"),
        ({"k": None}, "SerializationException"),
        ({"k": 1}, "SerializationException"),
        ([], "SerializationException"),
        ({f"k{n}": "" for n in range(201)}, "ValidationException"),
        ({f"k{n}": "" for n in range(199)}, "ServiceQuotaExceededException"),
    ],
)
def test_impossible_tags_are_refused_and_nothing_is_changed(
    user: Any, arn: str, client: httpx.Client, installation: Installation, tags: Any, code: str
) -> None:
    answer = call(client, installation.key, "TagResource", {"ResourceArn": arn, "Tags": tags})
    assert assert_error(answer, 400, code)
    assert user.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"team": "blue", "é": ""}
    if code != "ServiceQuotaExceededException":
        made = call(client, installation.key, "CreateCollection", {"CollectionId": "impossible", "Tags": tags})
        assert_error(made, 400, code)
        assert "impossible" not in user.list_collections()["CollectionIds"]


def test_arns_of_others_and_of_nothing_are_refused(user: Any, arn: str, installation: Installation) -> None:
    stranger = rekognition(installation, installation.services.keys.create("999988887775"))
    missing, invalid = "ResourceNotFoundException", "InvalidParameterException"
    for asking, resource, code in (
        (stranger, arn, missing),
        (user, arn.replace("us-east-1", "eu-west-3"), missing),
        (user, f"arn:aws:rekognition:us-east-1:{ACCOUNT}:streamprocessor/none", missing),
        (user, f"arn:aws:s3:::collection/{'x' * 20}", invalid),
        (user, "x" * 20, invalid),
        (user, "x" * 2049, "ValidationException"),
    ):
        for ask, members in (
            (asking.tag_resource, {"Tags": {"a": "b"}}),
            (asking.untag_resource, {"TagKeys": ["team"]}),
            (asking.list_tags_for_resource, {}),
        ):
            with pytest.raises(ClientError) as refusal:
                ask(ResourceArn=resource, **members)
            assert refusal.value.response["Error"]["Code"] == code
    assert user.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"team": "blue", "é": ""}
