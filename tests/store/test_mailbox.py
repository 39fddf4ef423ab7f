"""Letters and answers through a real Redis, over TCP and over a unix socket."""

import contextlib
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from pipeline.errors import RequestError, SetupError
from pipeline.mailbox import Letter, Mailbox
from pipeline.settings import Settings
from tests.support.redis_server import RedisServer, redis_server

LETTER = Letter({"operation": "IndexFaces", "request": {"CollectionId": "é"}}, {"Image": b"\0\xff" * 1000})


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    # The paths of pytest may be too long for a socket.
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as running:
        yield running


@pytest.fixture(params=["tcp", "unix"])
def mailbox(server: RedisServer, request: pytest.FixtureRequest) -> Iterator[Mailbox]:
    box = Mailbox(Settings(broker_url=getattr(server, request.param), image_waiting=2))
    yield box
    box.close()


def keys(server: RedisServer) -> list[bytes]:
    found = []
    for database in (0, 1):
        with contextlib.closing(Redis(port=server.port, db=database)) as client:
            found += client.keys("reelsight:letter:*")
    return found


def test_a_letter_is_answered(mailbox: Mailbox) -> None:
    letter = mailbox.post(LETTER, 30)
    taken = mailbox.take(letter)
    assert taken == Letter(LETTER.body, LETTER.attachments, 1)
    answering = threading.Timer(0.2, mailbox.reply, (letter, {"members": {"FaceRecords": []}}))
    answering.start()
    began = time.monotonic()
    assert mailbox.wait(letter, 20) == {"members": {"FaceRecords": []}}
    assert time.monotonic() - began < 2
    assert mailbox.take(letter) is None, "what is answered is not taken again"


def test_every_taking_counts(mailbox: Mailbox) -> None:
    letter = mailbox.post(LETTER, 30)
    assert [taken.attempt for _ in range(3) if (taken := mailbox.take(letter))] == [1, 2, 3]


def test_a_caller_that_gave_up_leaves_nothing(mailbox: Mailbox, server: RedisServer) -> None:
    letter = mailbox.post(LETTER, 30)
    assert mailbox.wait(letter, 1) is None
    mailbox.withdraw(letter)
    assert mailbox.take(letter) is None
    assert not [key for key in keys(server) if key.endswith(letter.encode())]


def test_a_letter_of_a_caller_that_died_expires(mailbox: Mailbox) -> None:
    letter = mailbox.post(LETTER, 1)
    time.sleep(1.2)
    assert mailbox.take(letter) is None


def test_places_are_limited(mailbox: Mailbox) -> None:
    with mailbox.place(), mailbox.place(), pytest.raises(RequestError) as refusal, mailbox.place():
        pass
    assert refusal.value.code == "ProvisionedThroughputExceededException"
    with mailbox.place():
        pass


def test_many_callers_get_their_own_answers(mailbox: Mailbox) -> None:
    letters = [mailbox.post(Letter({"number": n}, {}), 30) for n in range(20)]
    found: dict[str, object] = {}
    waiting = [threading.Thread(target=lambda one=one: found.update({one: mailbox.wait(one, 10)})) for one in letters]
    for thread in waiting:
        thread.start()
    for letter in reversed(letters):
        taken = mailbox.take(letter)
        assert taken
        mailbox.reply(letter, taken.body)
    for thread in waiting:
        thread.join()
    assert found == {letter: {"number": n} for n, letter in enumerate(letters)}


def test_a_redis_that_is_away_is_named_at_once_and_one_that_goes_away_ends_no_wait() -> None:
    with tempfile.TemporaryDirectory() as folder:
        with redis_server(Path(folder)) as server:
            box = Mailbox(Settings(broker_url=server.tcp))
            letter = box.post(LETTER, 30)
        began = time.monotonic()
        assert box.wait(letter, 1) is None
        with pytest.raises(RedisError):
            box.post(LETTER, 30)
        box.withdraw(letter)
        assert time.monotonic() - began < 5
        box.close()


def test_other_brokers_are_refused_when_they_are_needed() -> None:
    box = Mailbox(Settings(broker_url="amqp://guest@localhost//"))
    with pytest.raises(SetupError, match="amqp"):
        box.post(LETTER, 30)
    box.close()
