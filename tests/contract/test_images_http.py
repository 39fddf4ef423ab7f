"""Operations on images as boto3 sees them, over real HTTP and a real Redis; a thread stands for the worker's process."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.images.answer import answer
from pipeline.mailbox import Letter
from pipeline.models.library import Library
from tests.support.api_installation import rekognition
from tests.support.pictures import flat_jpeg
from tests.support.redis_server import redis_server
from tests.support.sns_installation import Installation, installed

GREY = flat_jpeg(200, 200, 128)


@dataclass(slots=True)
class Worker:
    """Answers letters in threads, with the models of a folder, after so many seconds.

    Attributes:
        installation: Whose letters.
        models: What it computes with.
        dead: How many wake-ups it does not hear.
    """

    installation: Installation
    models: Library
    dead: int = 0

    def wake(self, letter_id: str) -> None:
        if self.dead:
            self.dead -= 1
            return
        threading.Thread(target=answer, args=(self.installation.services, self.models, letter_id)).start()


@pytest.fixture(scope="module")
def setting() -> Iterator[tuple[Installation, Path]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with redis_server(folder) as redis, installed(folder, broker_url=redis.unix, image_timeout_s=4) as one:
            one.services.objects.put("photos", "grey.jpg", GREY)
            yield one, folder


@pytest.fixture
def installation(setting: tuple[Installation, Path]) -> Installation:
    return setting[0]


@pytest.fixture
def worker(setting: tuple[Installation, Path]) -> Worker:
    """A worker whose models were never pulled."""
    installation, folder = setting
    one = Worker(installation, Library(folder / "none"))
    installation.wake_ups.answer_image = one.wake
    return one


@pytest.fixture
def user(installation: Installation) -> Any:
    client = rekognition(installation)
    if "faces" not in client.list_collections()["CollectionIds"]:
        client.create_collection(CollectionId="faces")
    return client


def refusal(call: Callable[..., Any], **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**request)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    ("image", "code", "words"),
    [
        ({}, "InvalidParameterException", "Image must have one of Bytes and S3Object"),
        (
            {"Bytes": GREY, "S3Object": {"Bucket": "photos", "Name": "grey.jpg"}},
            "InvalidParameterException",
            "not both",
        ),
        ({"S3Object": {"Bucket": "photos", "Name": "none.jpg"}}, "InvalidS3ObjectException", "Unable to get object"),
        ({"Bytes": b"GIF89a"}, "InvalidImageFormatException", "Request has invalid image format"),
        ({"Bytes": GREY[:-9]}, "InvalidImageFormatException", "truncated"),
        ({"Bytes": flat_jpeg(16, 16, 0)}, "InvalidParameterException", "16 x 16"),
        ({"Bytes": bytes(5 * 1024**2 + 1)}, "ValidationException", "length less than or equal to 5242880"),
    ],
)
def test_what_is_no_image_is_refused(worker: Worker, user: Any, image: dict[str, Any], code: str, words: str) -> None:
    found = refusal(user.index_faces, CollectionId="faces", Image=image)
    assert found[0] == code
    assert words in found[1]


@pytest.mark.parametrize("image", [{"Bytes": GREY}, {"S3Object": {"Bucket": "photos", "Name": "grey.jpg"}}])
def test_a_model_that_was_not_pulled_is_named(worker: Worker, user: Any, image: dict[str, Any]) -> None:
    code, message = refusal(user.index_faces, CollectionId="faces", Image=image)
    assert code == "InternalServerError"
    assert "face-yunet" in message


def test_collections_of_others_do_not_exist(worker: Worker, installation: Installation, user: Any) -> None:
    stranger = rekognition(installation, installation.services.keys.create("999988887777"))
    request = {"CollectionId": "faces", "Image": {"Bytes": GREY}}
    assert refusal(stranger.index_faces, **request)[0] == "ResourceNotFoundException"
    assert refusal(user.index_faces, **{**request, "CollectionId": "none"})[0] == "ResourceNotFoundException"


def test_without_workers_the_answer_is_an_error_in_time(worker: Worker, installation: Installation, user: Any) -> None:
    letters: list[str] = []
    installation.wake_ups.answer_image = letters.append
    began = time.monotonic()
    code, message = refusal(user.index_faces, CollectionId="faces", Image={"Bytes": GREY})
    assert code == "ThrottlingException"
    assert "within 4 s" in message
    assert time.monotonic() - began < 8
    assert len(set(letters)) == 1
    assert installation.services.mailbox.take(letters[0]) is None, "nobody waits for it any more"


def test_a_wake_up_that_is_lost_is_sent_again(worker: Worker, user: Any) -> None:
    worker.dead = 1
    assert (
        refusal(user.index_faces, CollectionId="faces", Image={"Bytes": b"GIF89a"})[0] == "InvalidImageFormatException"
    )


def test_what_has_ended_two_workers_is_not_given_to_a_third(worker: Worker, installation: Installation) -> None:
    body = {"operation": "IndexFaces", "account": "1", "request": {}, "stored": {}}
    letter = installation.services.mailbox.post(Letter(body, {"Image": GREY}), 30)
    for _ in range(2):
        assert installation.services.mailbox.take(letter)
    answer(installation.services, worker.models, letter)
    found = installation.services.mailbox.wait(letter, 5)
    assert found
    assert found["error"]["code"] == "InternalServerError"
    assert "2 workers ended" in found["error"]["message"]


def test_callers_beyond_the_limit_are_told_to_come_back(worker: Worker, installation: Installation, user: Any) -> None:
    places = installation.services.settings.image_waiting
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(installation.services.mailbox, "_places", threading.BoundedSemaphore(1))
        with installation.services.mailbox.place():
            found = refusal(user.index_faces, CollectionId="faces", Image={"Bytes": GREY})
    assert found == ("ProvisionedThroughputExceededException", "Provisioned Rate exceeded.")
    assert places < 40, "the api has 40 threads, and some must stay free for other operations"
