"""Operations on images as boto3 sees them, over real HTTP and a real Redis; a thread stands for the worker's process."""

import concurrent.futures
import contextlib
import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from redis import Redis

from pipeline.images.answer import answer
from pipeline.mailbox import Letter
from pipeline.models.library import Library
from tests.support.api_installation import rekognition
from tests.support.pictures import flat_jpeg
from tests.support.redis_server import redis_server
from tests.support.service import wait_until
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
    mailbox = installation.services.mailbox
    letter = mailbox.post(Letter(body, {"Image": GREY}), "1", 30)
    assert mailbox.take(letter)
    assert mailbox.take(letter, "redelivered")
    answer(installation.services, worker.models, letter, "redelivered")
    found = mailbox.wait(letter, 5)
    assert found
    assert found["error"]["code"] == "InternalServerError"
    assert "2 workers ended" in found["error"]["message"]


def test_callers_beyond_the_limit_are_told_to_come_back(worker: Worker, installation: Installation, user: Any) -> None:
    mailbox, most = installation.services.mailbox, installation.services.settings.image_waiting
    with contextlib.ExitStack() as stack:
        for number in range(most):
            stack.enter_context(mailbox.place(str(number)))
        code, message = refusal(user.index_faces, CollectionId="faces", Image={"Bytes": GREY})
    assert code == "ThrottlingException"
    assert f"{most}, at most {most} operations on images" in message
    assert "REELSIGHT_IMAGE_WAITING" in message
    assert re.search(r'reelsight_throttled_count_total{operation="IndexFaces"} [1-9]', metrics(installation))


def forget_all(installation: Installation) -> None:
    """What a broker that is started anew does."""
    socket = installation.services.settings.data_dir / "redis.sock"
    with contextlib.closing(Redis(unix_socket_path=str(socket), db=1)) as one:
        one.flushdb()


def metrics(installation: Installation) -> str:
    return httpx.get(f"{installation.url}/metrics").text


def test_those_who_wait_for_workers_leave_threads_to_others(
    worker: Worker, installation: Installation, user: Any
) -> None:
    forget_all(installation)  # how fast workers were in other tests
    installation.wake_ups.answer_image = lambda _: None
    clients = [rekognition(installation, installation.services.keys.create(f"{n:012}")) for n in range(2)]
    for client in clients:
        client.create_collection(CollectionId="faces")
    calls = [(client.index_faces, 16) for client in clients]
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        waiting = [
            pool.submit(refusal, call, CollectionId="faces", Image={"Bytes": GREY})
            for call, count in calls
            for _ in range(count)
        ]
        wait_until(lambda: installation.services.mailbox.numbers()["waiting"] == 32, 10)
        assert user.list_collections()["CollectionIds"] == ["faces"]
        assert not any(one.done() for one in waiting), "others are answered meanwhile"
        assert {one.result()[0] for one in waiting} == {"ThrottlingException"}
    assert installation.services.mailbox.numbers()["waiting"] == 0


def test_a_caller_that_hangs_up_is_forgotten(worker: Worker, installation: Installation, user: Any) -> None:
    letters: list[str] = []
    installation.wake_ups.answer_image = letters.append
    hasty = rekognition(installation, read_timeout=1)
    with pytest.raises(ReadTimeoutError):
        hasty.index_faces(CollectionId="faces", Image={"Bytes": GREY})
    wait_until(lambda: installation.services.mailbox.numbers()["waiting"] == 0, 2.5)
    assert installation.services.mailbox.take(letters[0]) is None


def test_a_broker_that_is_started_anew_is_asked_again(worker: Worker, installation: Installation, user: Any) -> None:
    letters: list[str] = []

    def forgetful(letter_id: str) -> None:
        letters.append(letter_id)
        if len(letters) > 1:
            worker.wake(letter_id)
            return
        forget_all(installation)

    installation.wake_ups.answer_image = forgetful
    assert (
        refusal(user.index_faces, CollectionId="faces", Image={"Bytes": b"GIF89a"})[0] == "InvalidImageFormatException"
    )
    assert len(set(letters)) == 2
