"""DetectProtectiveEquipment as boto3 sees it: what is refused, and the shape of an answer about nobody."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError

from pipeline.models.library import Library
from tests.support.api_installation import rekognition
from tests.support.image_installation import answering
from tests.support.pictures import flat_jpeg, jpeg

GREY = flat_jpeg(200, 200, 128)
WANTED = {"MinConfidence": 80, "RequiredEquipmentTypes": ["FACE_COVER", "HEAD_COVER"]}


@pytest.fixture(scope="module")
def user(models_dir: Path) -> Iterator[Any]:
    """A client of an installation whose worker is a thread."""
    with answering(Library(models_dir), image_timeout_s=60) as one:
        one.services.objects.put("photos", "grey.jpg", GREY)
        one.services.objects.put("photos", "large.jpg", GREY + bytes(4 * 1024**2))
        yield rekognition(one)


def refusal(user: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        user.detect_protective_equipment(**request)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


@pytest.mark.weights
@pytest.mark.parametrize("image", [{"Bytes": GREY}, {"S3Object": {"Bucket": "photos", "Name": "grey.jpg"}}])
def test_nobody_wears_nothing(user: Any, image: dict[str, Any]) -> None:
    found = user.detect_protective_equipment(Image=image)
    assert found["ProtectiveEquipmentModelVersion"] == "1.0"
    assert found["Persons"] == []
    assert "Summary" not in found


@pytest.mark.weights
def test_a_summary_is_there_where_it_is_asked_for(user: Any) -> None:
    found = user.detect_protective_equipment(Image={"Bytes": GREY}, SummarizationAttributes=WANTED)
    assert found["Summary"] == {
        "PersonsWithRequiredEquipment": [],
        "PersonsWithoutRequiredEquipment": [],
        "PersonsIndeterminate": [],
    }


@pytest.mark.weights
def test_images_of_64_pixels_are_taken(user: Any) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (64, 64, 3), np.uint8)
    assert user.detect_protective_equipment(Image={"Bytes": jpeg(noise)})["Persons"] == []


@pytest.mark.weights
@pytest.mark.parametrize(
    ("image", "code", "words"),
    [
        ({"Bytes": flat_jpeg(63, 64, 0)}, "InvalidParameterException", "63 x 64"),
        ({"Bytes": flat_jpeg(10_001, 64, 0)}, "ImageTooLargeException", "10000"),
        ({"Bytes": GREY + bytes(4 * 1024**2)}, "ImageTooLargeException", "4194304"),
        ({"S3Object": {"Bucket": "photos", "Name": "large.jpg"}}, "ImageTooLargeException", "4194304"),
        ({"S3Object": {"Bucket": "photos", "Name": "none.jpg"}}, "InvalidS3ObjectException", "Unable to get object"),
        ({"Bytes": GREY[:-9]}, "InvalidImageFormatException", "truncated"),
        ({"Bytes": b"GIF89a"}, "InvalidImageFormatException", "Request has invalid image format"),
        ({}, "InvalidParameterException", "Image must have one of Bytes and S3Object"),
    ],
)
def test_images_that_cannot_be_used_are_refused(user: Any, image: dict[str, Any], code: str, words: str) -> None:
    found = refusal(user, Image=image)
    assert found[0] == code
    assert words in found[1]


@pytest.mark.weights
@pytest.mark.parametrize(
    ("wanted", "word"),
    [
        ({**WANTED, "MinConfidence": 100.5}, "minConfidence"),
        ({**WANTED, "RequiredEquipmentTypes": ["SHOES"]}, "requiredEquipmentTypes"),
    ],
)
def test_requirements_that_make_no_sense_are_refused(user: Any, wanted: dict[str, Any], word: str) -> None:
    code, message = refusal(user, Image={"Bytes": GREY}, SummarizationAttributes=wanted)
    assert code == "ValidationException"
    assert word in message
