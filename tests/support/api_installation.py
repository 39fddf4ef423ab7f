"""An installation with one video, and its users: boto3 and raw http."""

import re
from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config

from pipeline.store.keys import AccessKey
from tests.support.signed_calls import JSON
from tests.support.sns_installation import Installation, installed

VIDEO = {"S3Object": {"Bucket": "videos", "Name": "a b/clip é.mp4"}}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("api")) as one:
        one.services.objects.put("videos", VIDEO["S3Object"]["Name"], b"pictures")
        yield one


@pytest.fixture(scope="module")
def client(installation: Installation) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=installation.url) as one:
        yield one


def rekognition(installation: Installation, key: AccessKey | None = None, **config: Any) -> Any:
    key = key or installation.key
    return boto3.client(
        "rekognition",
        endpoint_url=installation.url,
        region_name="eu-west-3",
        aws_access_key_id=key.id,
        aws_secret_access_key=key.secret,
        config=Config(retries={"total_max_attempts": 1}, **config),
    )


def assert_error(response: httpx.Response, status: int, code: str) -> str:
    """The message of an error in AWS's form."""
    body = response.json()
    assert (response.status_code, body["__type"], body["Code"]) == (status, code, code), body
    assert set(body) == {"__type", "Code", "Logref", "Message"}
    assert response.headers["content-type"] == JSON
    assert re.fullmatch("[0-9a-f-]{36}", response.headers["x-amzn-requestid"])
    assert response.headers["date"]
    return str(body["Message"])
