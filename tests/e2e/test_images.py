"""Operations on images against the running service: real queue, real worker, boto3 as the user."""

import concurrent.futures
import contextlib
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.support.service import Service, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.weights]

ONE_TRY = {"retries": {"total_max_attempts": 1}, "read_timeout": 60}


@pytest.fixture
def user(service: Service) -> Iterator[Any]:
    """boto3, and an empty collection `people`."""
    client = service.client("rekognition", **ONE_TRY)
    client.create_collection(CollectionId="people")
    yield client
    client.delete_collection(CollectionId="people")


def faces(client: Any, collection: str = "people") -> list[dict[str, Any]]:
    return [
        face for page in client.get_paginator("list_faces").paginate(CollectionId=collection) for face in page["Faces"]
    ]


def refusal(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as error:
        call(**request)
    return str(error.value.response["Error"]["Code"])


def image_workers(service: Service) -> dict[str, list[int]]:
    """The processes of the queue `images`: the parent, and its children."""
    pids = [pid for pid, command in service.processes().items() if " -Q images " in command]
    parents = {pid: int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1]) for pid in pids}
    return {
        "parent": [pid for pid in pids if parents[pid] not in pids],
        "children": [pid for pid in pids if parents[pid] in pids],
    }


def test_faces_of_bytes_and_objects_are_indexed_once(service: Service, user: Any, media: Path) -> None:
    photo = media / "images/identity/azure_identification1.jpg"
    inline = user.index_faces(
        CollectionId="people", Image={"Bytes": photo.read_bytes()}, ExternalImageId="beach", DetectionAttributes=["ALL"]
    )
    assert len(inline["FaceRecords"]) == 4
    assert {record["Face"]["FaceId"] for record in inline["FaceRecords"]} == {face["FaceId"] for face in faces(user)}
    assert {face["ExternalImageId"] for face in faces(user)} == {"beach"}
    stored = user.index_faces(
        CollectionId="people", Image=service.put("photos", "a/b.jpg", photo), ExternalImageId="beach"
    )
    assert [r["Face"] for r in stored["FaceRecords"]] == [r["Face"] for r in inline["FaceRecords"]]
    assert user.describe_collection(CollectionId="people")["FaceCount"] == 4


def test_requests_that_cannot_be_served_say_why(service: Service, user: Any, media: Path) -> None:
    photo = media / "images/identity/azure_Family1-Dad1.jpg"
    large = service.folder / "large"
    with large.open("wb") as file:
        file.truncate(15 * 1024**2 + 1)
    images = {
        "InvalidImageFormatException": {"Bytes": b"GIF89a"},
        "ImageTooLargeException": service.put("photos", "large.jpg", large),
        "InvalidS3ObjectException": {"S3Object": {"Bucket": "photos", "Name": "none.jpg"}},
        "InvalidParameterException": {},
    }
    found = {code: refusal(user.index_faces, CollectionId="people", Image=image) for code, image in images.items()}
    assert found == {code: code for code in images}
    request = {"CollectionId": "none", "Image": {"Bytes": photo.read_bytes()}}
    assert refusal(user.index_faces, **request) == "ResourceNotFoundException"
    assert faces(user) == []


def test_another_account_sees_nothing(service: Service, user: Any, media: Path) -> None:
    user.index_faces(
        CollectionId="people", Image=service.put("photos", "x.jpg", media / "images/identity/azure_Family1-Dad1.jpg")
    )
    key = json.loads(service.cli("keys", "create", "--account", "999988887777"))
    stranger = boto3.client(
        "rekognition",
        endpoint_url=service.endpoint,
        region_name="us-east-1",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        config=Config(**ONE_TRY),
    )
    image = {"S3Object": {"Bucket": "photos", "Name": "x.jpg"}}
    assert stranger.list_collections()["CollectionIds"] == []
    assert refusal(stranger.list_faces, CollectionId="people") == "ResourceNotFoundException"
    assert refusal(stranger.index_faces, CollectionId="people", Image=image) == "ResourceNotFoundException"


@pytest.mark.parametrize("victim", ["children", "parent"])
def test_kill_9_of_the_worker_delays_and_loses_nothing(service: Service, user: Any, media: Path, victim: str) -> None:
    group = (media / "images/faces/solvay1927.jpg").read_bytes()
    user.index_faces(
        CollectionId="people", Image={"Bytes": group}, MaxFaces=1
    )  # the worker is up, its models are loaded
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        asked = [
            pool.submit(user.index_faces, CollectionId="people", Image={"Bytes": group}, ExternalImageId=f"copy{n}")
            for n in range(4)
        ]
        wait_until(lambda: any(one.done() for one in asked), 60, 0.01)  # so that others are under way
        for pid in image_workers(service)[victim]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        answers = [one.result(60) for one in asked]
    assert [len(answer["FaceRecords"]) for answer in answers] == [29] * 4
    assert len(faces(user)) == 4 * 29 + 1


def test_no_picture_and_no_secret_is_logged(service: Service, user: Any, media: Path) -> None:
    photo = (media / "images/identity/azure_Family1-Dad1.jpg").read_bytes()
    user.index_faces(CollectionId="people", Image={"Bytes": photo + b"hidden words"})
    log = service.log()
    assert "hidden words" not in log
    assert service.credentials()[1] not in log
