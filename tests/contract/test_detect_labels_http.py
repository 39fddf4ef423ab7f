"""DetectLabels as boto3 sees it, over real HTTP and a real Redis, with the real networks; a thread stands for the worker's process."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.models.library import Library
from tests.support.api_installation import rekognition
from tests.support.image_installation import answering

pytestmark = pytest.mark.weights

BOTH = ["GENERAL_LABELS", "IMAGE_PROPERTIES"]
STORED = {"S3Object": {"Bucket": "photos", "Name": "bus.jpg"}}


@pytest.fixture(scope="module")
def user(models_dir: Path, media: Path) -> Iterator[Any]:
    """boto3; in the bucket `photos` is `bus.jpg`."""
    with answering(Library(models_dir, threads=2), image_timeout_s=60) as one:
        one.services.objects.put("photos", "bus.jpg", (media / "images/labels/bus.jpg").read_bytes())
        one.services.objects.put("photos", "clip.mp4", b"no video")
        yield rekognition(one)


def refusal(user: Any, operation: str = "detect_labels", **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        getattr(user, operation)(**request)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def test_bytes_and_objects_are_answered_alike(user: Any, media: Path) -> None:
    content = (media / "images/labels/bus.jpg").read_bytes()
    found = [user.detect_labels(Image=image, Features=BOTH) for image in ({"Bytes": content}, STORED)]
    for each in found:
        del each["ResponseMetadata"]
    assert found[0] == found[1]
    assert set(found[0]) == {"Labels", "LabelModelVersion", "ImageProperties"}
    bus = next(label for label in found[0]["Labels"] if label["Name"] == "Bus")
    assert set(bus) == {"Name", "Confidence", "Instances", "Parents", "Aliases", "Categories"}
    assert set(bus["Instances"][0]) == {"BoundingBox", "Confidence", "DominantColors"}
    assert set(bus["Instances"][0]["DominantColors"][0]) == {
        "Red",
        "Green",
        "Blue",
        "HexCode",
        "CSSColor",
        "SimplifiedColor",
        "PixelPercent",
    }


def test_limits_of_the_example_in_amazons_documentation(user: Any) -> None:
    found = user.detect_labels(Image=STORED, MaxLabels=3, MinConfidence=70)["Labels"]
    assert len(found) == 3
    assert min(label["Confidence"] for label in found) >= 70


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        ({"MaxLabels": 3, "Features": BOTH[1:]}, "InvalidParameterException", "MaxLabels"),
        ({"MinConfidence": 100.5}, "ValidationException", "minConfidence"),
        ({"Features": ["COLOURS"]}, "ValidationException", "features"),
        ({"Features": [*BOTH, BOTH[0]]}, "ValidationException", "features"),
        ({"Settings": {"ImageProperties": {"MaxDominantColors": 21}}}, "ValidationException", "maxDominantColors"),
        (
            {"Settings": {"GeneralLabels": {"LabelExclusionFilters": ["Dog"] * 101}}},
            "ValidationException",
            "labelExclusionFilters",
        ),
        (
            {"Settings": {"GeneralLabels": {"LabelCategoryInclusionFilters": ["Vehicles"]}}},
            "InvalidParameterException",
            "'Vehicles' is no label category; did you mean 'Vehicles and Automotive'",
        ),
        ({"Image": {"S3Object": {"Bucket": "photos", "Name": "clip.mp4"}}}, "InvalidImageFormatException", "Image"),
    ],
)
def test_what_is_refused(user: Any, request_: dict[str, Any], code: str, words: str) -> None:
    found = refusal(user, **{"Image": STORED, **request_})
    assert found[0] == code
    assert words in found[1]


def test_videos_refuse_the_same_filters(user: Any) -> None:
    video = {"S3Object": {"Bucket": "photos", "Name": "clip.mp4"}}
    for filters in ({"LabelInclusionFilters": ["Bicicle"]}, {"LabelCategoryExclusionFilters": ["Animals"]}):
        found = refusal(user, "start_label_detection", Video=video, Settings={"GeneralLabels": filters})
        assert found[0] == "InvalidParameterException"
        assert "did you mean" in found[1]
    known = {"LabelInclusionFilters": ["bicycle", "Golden Hour"]}
    assert user.start_label_detection(Video=video, Settings={"GeneralLabels": known})["JobId"]
