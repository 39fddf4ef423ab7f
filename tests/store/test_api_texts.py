"""Texts that a database might refuse, sent through the whole api on each kind of database."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.store import collections
from pipeline.store.engine import writing
from pipeline.store.metadata import utcnow
from tests.support.databases import database_url, postgres_server
from tests.support.signed_calls import call
from tests.support.sns_installation import ACCOUNT, Installation, installed

__all__ = ["database_url", "postgres_server"]

ODD = [
    "\0",
    "a\0b",
    "\x01\x1f\x7f",
    "\u202e",
    "\ufffe\uffff",
    "🎬" * 100,
    "'; --",
    "%s %(x)s {0}",
    "\\u0000",
    "x" * 300,
]
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:done"
VIDEO = {"S3Object": {"Bucket": "videos", "Name": "a.mp4"}}


@pytest.fixture
def installation(tmp_path: Path, database_url: str) -> Iterator[Installation]:
    with installed(tmp_path, database_url=database_url) as one:
        one.services.objects.put("videos", "a.mp4", b"pictures")
        assert one.post({"Action": "CreateTopic", "Name": "done"}).status_code == 200
        with writing(one.services.engine) as connection:
            collections.create(connection, ACCOUNT, "people", "us-east-1", utcnow())
        yield one


def test_no_text_is_an_internal_error(installation: Installation) -> None:
    with httpx.Client(base_url=installation.url) as client:
        for operation, request in (one for text in ODD for one in requests(text)):
            answer = call(client, installation.key, operation, request)
            assert answer.status_code in {200, 400}, (operation, request, answer.text)


def test_no_text_breaks_the_query_protocol(installation: Installation) -> None:
    with httpx.Client(base_url=installation.url) as client:
        for form in (one for text in ODD for one in forms(text)):
            answer = installation.post(form)
            assert answer.status_code in {200, 400, 404}, (form, answer.text)
            link = client.get("/", params=form)
            assert link.status_code in {400, 403, 404, 405}, (form, link.text)
        assert client.get("/SimpleNotificationService-%00.pem").status_code == 404


def requests(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Operations with the text wherever one may stand."""
    channel = {"SNSTopicArn": TOPIC + text, "RoleArn": text}
    return [
        ("GetFaceDetection", {"JobId": text}),
        ("GetFaceDetection", {"JobId": "a", "NextToken": text}),
        ("StartFaceDetection", {"Video": {"S3Object": {"Bucket": "videos", "Name": text}}}),
        ("StartFaceDetection", {"Video": {"S3Object": {**VIDEO["S3Object"], "Version": text}}}),
        ("StartFaceDetection", {"Video": VIDEO, "JobTag": text}),
        ("StartFaceDetection", {"Video": VIDEO, "ClientRequestToken": text}),
        ("StartFaceDetection", {"Video": VIDEO, "NotificationChannel": channel}),
        ("StartLabelDetection", {"Video": VIDEO, "Settings": {"GeneralLabels": {"LabelInclusionFilters": [text]}}}),
        ("CreateCollection", {"CollectionId": text}),
        ("CreateCollection", {"CollectionId": f"c{len(text)}", "Tags": {text: text}}),
        ("DescribeCollection", {"CollectionId": text}),
        ("DeleteCollection", {"CollectionId": text}),
        ("ListCollections", {"NextToken": text}),
        ("ListFaces", {"CollectionId": "people", "UserId": text}),
        ("ListFaces", {"CollectionId": "people", "NextToken": text}),
        ("DeleteFaces", {"CollectionId": "people", "FaceIds": [text]}),
    ]


def forms(text: str) -> list[dict[str, str]]:
    """Actions with the text wherever one may stand."""
    return [
        {"Action": text},
        {"Action": "CreateTopic", "Name": text},
        {"Action": "CreateTopic", "Name": "b", "Tags.member.1.Key": text, "Tags.member.1.Value": text},
        {
            "Action": "CreateTopic",
            "Name": "c",
            "Attributes.entry.1.key": "DisplayName",
            "Attributes.entry.1.value": text,
        },
        {"Action": "DeleteTopic", "TopicArn": TOPIC + text},
        {"Action": "ListTopics", "NextToken": text},
        {"Action": "Subscribe", "TopicArn": TOPIC, "Protocol": "http", "Endpoint": f"http://127.0.0.1:9/{text}"},
        {"Action": "ConfirmSubscription", "TopicArn": TOPIC, "Token": text},
        {"Action": "Unsubscribe", "SubscriptionArn": text},
        {"Action": "Publish", "TopicArn": TOPIC, "Message": text, "Subject": text},
        {"Action": "Publish", "TopicArn": TOPIC, "Message": text},
    ]
