"""DetectText and DetectModerationLabels as boto3 sees them, over real HTTP and a real Redis; a thread stands for the worker's process."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.models.library import Library
from tests.support.api_installation import rekognition
from tests.support.image_installation import answering
from tests.support.pictures import flat_jpeg

pytestmark = pytest.mark.weights

GREY = {"Bytes": flat_jpeg(200, 200, 128)}
SIGN = {"S3Object": {"Bucket": "photos", "Name": "sign.jpg"}}
PISTOL = {"S3Object": {"Bucket": "photos", "Name": "pistol.jpg"}}
BOX = {"Left": 0.0, "Top": 0.0, "Width": 0.5, "Height": 1.0}
FLOW = "arn:aws:sagemaker:us-east-1:111122223333:flow-definition/review"
ADAPTER = "arn:aws:rekognition:us-east-1:111122223333:project/mine/version/first/1700000000000"


@pytest.fixture(scope="module")
def user(models_dir: Path, media: Path) -> Iterator[Any]:
    """boto3; in the bucket `photos` are `sign.jpg` and `pistol.jpg`."""
    with answering(Library(models_dir, threads=2), image_timeout_s=60) as one:
        one.services.objects.put("photos", "sign.jpg", (media / "images/text/wakeupcat.jpg").read_bytes())
        one.services.objects.put("photos", "pistol.jpg", (media / "images/moderation/guns_21.jpeg").read_bytes())
        yield rekognition(one)


def refusal(user: Any, operation: str, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        getattr(user, operation)(**{"Image": GREY, **request})
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def test_text_of_an_object_in_a_bucket(user: Any) -> None:
    found = user.detect_text(Image=SIGN)["TextDetections"]
    assert [one["DetectedText"] for one in found if one["Type"] == "WORD"] == ["Wake", "up", "human!"]
    assert user.detect_text(Image=GREY)["TextDetections"] == []
    region = [{"BoundingBox": {**BOX, "Width": 0.01, "Height": 0.01}}]
    assert user.detect_text(Image=SIGN, Filters={"RegionsOfInterest": region})["TextDetections"] == []
    assert user.detect_text(Image=SIGN, Filters={"WordFilter": {"MinBoundingBoxHeight": 0.9}})["TextDetections"] == []
    assert user.detect_text(Image=SIGN, Filters={})["TextDetections"] == found


@pytest.mark.parametrize(
    ("filters", "code", "words"),
    [
        ({"RegionsOfInterest": [{"BoundingBox": BOX}] * 11}, "ValidationException", "regionsOfInterest"),
        ({"RegionsOfInterest": [{}]}, "InvalidParameterException", "Filters.RegionsOfInterest.1.member"),
        ({"WordFilter": {"MinConfidence": 100.5}}, "ValidationException", "minConfidence"),
        ({"WordFilter": {"MinBoundingBoxWidth": 1.5}}, "ValidationException", "minBoundingBoxWidth"),
    ],
)
def test_impossible_filters_are_named(user: Any, filters: dict[str, Any], code: str, words: str) -> None:
    found = refusal(user, "detect_text", Filters=filters)
    assert found[0] == code
    assert words in found[1]


def test_moderation_labels_of_an_object_in_a_bucket(user: Any) -> None:
    answer = user.detect_moderation_labels(Image=PISTOL)
    assert set(answer) >= {"ModerationLabels", "ModerationModelVersion", "ContentTypes"}
    assert not {"HumanLoopActivationOutput", "ProjectVersion"} & set(answer)
    assert all(set(one) == {"Name", "ParentName", "TaxonomyLevel", "Confidence"} for one in answer["ModerationLabels"])
    assert [one["Name"] for one in answer["ModerationLabels"]] == ["Weapons", "Violence"]
    assert user.detect_moderation_labels(Image=PISTOL, MinConfidence=100)["ModerationLabels"] == []


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        ({"ProjectVersion": ADAPTER}, "ResourceNotFoundException", ADAPTER),
        ({"ProjectVersion": "arn:of:something:else"}, "ValidationException", "projectVersion"),
        (
            {"HumanLoopConfig": {"HumanLoopName": "a", "FlowDefinitionArn": FLOW}},
            "ResourceNotFoundException",
            f"HumanLoopConfig.FlowDefinitionArn '{FLOW}'",
        ),
        (
            {"HumanLoopConfig": {"HumanLoopName": "NO", "FlowDefinitionArn": FLOW}},
            "ValidationException",
            "humanLoopConfig.humanLoopName",
        ),
        ({"MinConfidence": 101.0}, "ValidationException", "minConfidence"),
    ],
)
def test_what_moderation_cannot_do_is_named(user: Any, request_: dict[str, Any], code: str, words: str) -> None:
    found = refusal(user, "detect_moderation_labels", **request_)
    assert found[0] == code
    assert words in found[1]
