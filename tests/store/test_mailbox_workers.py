"""What becomes of a letter whose worker ends: another is given it at once, and never while somebody is at it."""

import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from pipeline.mailbox import Letter, Mailbox
from pipeline.settings import Settings
from pipeline.turns import MESSAGES, How
from tests.support.redis_server import RedisServer, redis_server

ACCOUNT = "111122223333"
ANSWER = {"members": {}}


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as running:
        yield running


@pytest.fixture
def mailbox(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    for module in ("turns", "mailbox"):
        monkeypatch.setattr(f"pipeline.{module}.HOLD_S", 0.5)
    monkeypatch.setattr("pipeline.mailbox.SLICE_S", 0.1)
    box = Mailbox(Settings(broker_url=server.unix))
    yield box
    box.close()


def test_a_letter_whose_worker_has_ended_wakes_one_other(mailbox: Mailbox) -> None:
    letter, woken = mailbox.post(Letter({}, {}), ACCOUNT, 30), list[How]()
    assert mailbox.take(letter)

    def wake(how: How) -> None:
        woken.append(how)
        if how == "again" and (taken := mailbox.take(letter, how)):
            mailbox.reply(taken, ANSWER | {"attempt": taken.attempt})

    assert mailbox.wait(letter, 20, wake=wake) == ANSWER | {"attempt": 2}
    assert woken == ["again"]


def test_nobody_else_is_woken_while_a_worker_is_at_it(mailbox: Mailbox) -> None:
    letter, woken, over = mailbox.post(Letter({}, {}), ACCOUNT, 30), list[How](), threading.Event()
    taken = mailbox.take(letter)
    assert taken

    def work() -> None:
        with mailbox.holding(taken):
            over.wait(10)
            mailbox.reply(taken, ANSWER)

    worker = threading.Thread(target=work)
    worker.start()
    assert mailbox.wait(letter, 1.5, wake=woken.append) is None, "three times as long as a hold lasts"
    over.set()
    assert mailbox.wait(letter, 20, wake=woken.append) == ANSWER
    worker.join()
    assert woken == []


def test_a_message_that_was_lost_with_its_worker_is_sent_again(mailbox: Mailbox, server: RedisServer) -> None:
    letter, woken = mailbox.post(Letter({}, {}), ACCOUNT, 30), list[How]()

    def wake(how: How) -> None:
        woken.append(how)
        taken = mailbox.take(letter, how)
        assert taken
        mailbox.reply(taken, ANSWER)

    with Redis(port=server.port, db=1) as client:
        client.lpush(MESSAGES, "under way")
        assert mailbox.wait(letter, 0.8, wake=wake) is None
        client.delete(MESSAGES)
    assert mailbox.wait(letter, 20, wake=wake) == ANSWER
    assert woken == ["turn"]
