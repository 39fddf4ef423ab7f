"""Letters and answers through a real Redis, over TCP and over a unix socket."""

import contextlib
import signal
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from pipeline.errors import RequestError, SetupError
from pipeline.mailbox import Letter, LetterLost, Mailbox
from pipeline.settings import Settings
from pipeline.turns import MESSAGES, MOST_MESSAGES
from tests.support.redis_server import RedisServer, redis_server
from tests.support.service import wait_until

ME, OTHER, THIRD = "111122223333", "999988887777", "555566667777"
LETTER = Letter({"operation": "IndexFaces", "request": {"CollectionId": "é"}}, {"Image": b"\0\xff" * 1000})


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    # The paths of pytest may be too long for a socket.
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as running:
        yield running


@pytest.fixture(params=["tcp", "unix"])
def mailbox(server: RedisServer, request: pytest.FixtureRequest) -> Iterator[Mailbox]:
    with contextlib.closing(Redis(port=server.port)) as client:
        client.flushall()
    box = Mailbox(Settings(broker_url=getattr(server, request.param), image_waiting=4))
    yield box
    box.close()


def keys(server: RedisServer) -> list[bytes]:
    found = []
    for database in (0, 1):
        with contextlib.closing(Redis(port=server.port, db=database)) as client:
            found += client.keys("reelsight:letter:*")
    return found


def test_a_letter_is_answered(mailbox: Mailbox) -> None:
    letter = mailbox.post(LETTER, ME, 30)
    taken = mailbox.take(letter)
    assert taken
    assert (taken.id, taken.body, taken.attachments, taken.attempt) == (letter, LETTER.body, LETTER.attachments, 1)
    answering = threading.Timer(0.2, mailbox.reply, (taken, {"members": {"FaceRecords": []}}))
    answering.start()
    assert mailbox.wait(letter, 20) == {"members": {"FaceRecords": []}}
    answering.join()
    assert mailbox.take(letter) is None, "what is answered is not taken again"
    assert mailbox.take(letter, "again") is None


def test_every_taking_counts(mailbox: Mailbox) -> None:
    letter = mailbox.post(LETTER, ME, 30)
    assert mailbox.take(letter)
    attempts = [taken.attempt for how in ("redelivered", "again") if (taken := mailbox.take(letter, how))]
    assert attempts == [2, 3]
    assert mailbox.take(letter) is None, "nobody's turn: the letter is taken"


def test_a_caller_that_gave_up_leaves_nothing(mailbox: Mailbox, server: RedisServer) -> None:
    letter = mailbox.post(LETTER, ME, 30)
    taken = mailbox.take(letter)
    assert taken
    assert mailbox.wait(letter, 1) is None
    mailbox.withdraw(letter)
    mailbox.reply(taken, {"members": {}})
    assert mailbox.take(letter) is None
    assert not [key for key in keys(server) if letter.encode() in key]
    assert mailbox.numbers() == {"waiting": 0, "taken": 0, "bytes": 0, "oldest_s": 0}, (
        "an answer that nobody waits for does not count"
    )


@pytest.mark.timeout(60)
def test_a_caller_that_has_left_waits_no_longer(mailbox: Mailbox) -> None:
    letter = mailbox.post(LETTER, ME, 3600)
    left = threading.Event()
    threading.Timer(0.2, left.set).start()
    assert mailbox.wait(letter, 3600, left.is_set) is None


def test_a_letter_of_a_caller_that_died_expires(mailbox: Mailbox, server: RedisServer) -> None:
    letter = mailbox.post(LETTER, ME, 1)
    wait_until(lambda: not keys(server), 30)
    assert mailbox.take(letter) is None
    assert mailbox.numbers()["bytes"] == 0


def test_places_are_limited_and_one_account_cannot_have_them_all(mailbox: Mailbox) -> None:
    with mailbox.place(ME), mailbox.place(ME), mailbox.place(ME):
        with pytest.raises(RequestError, match="3 of account 111122223333, at most 3") as refusal, mailbox.place(ME):
            pass
        with mailbox.place(OTHER), pytest.raises(RequestError, match="4, at most 4"), mailbox.place(THIRD):
            pass
    assert refusal.value.code == "ThrottlingException"
    assert "REELSIGHT_IMAGE_WAITING" in refusal.value.message
    with mailbox.place(ME):
        pass


def test_accounts_take_turns_and_within_one_the_oldest_comes_first(mailbox: Mailbox) -> None:
    posted = [mailbox.post(Letter({"number": n}, {}), account, 30) for n, account in enumerate([ME] * 4 + [OTHER] * 2)]
    taken = [mailbox.take(message) for message in posted]
    accounts = [one.id.partition(":")[0] for one in taken if one]
    assert accounts in ([ME, OTHER, ME, OTHER, ME, ME], [OTHER, ME, OTHER, ME, ME, ME])
    numbers = [one.body["number"] for one in taken if one]
    assert [n for n in numbers if n < 4] == [0, 1, 2, 3]
    assert [n for n in numbers if n >= 4] == [4, 5]
    assert mailbox.take(posted[0]) is None


def test_a_message_that_comes_again_is_about_the_letter_that_it_was_used_for(mailbox: Mailbox) -> None:
    first, second = (mailbox.post(Letter({"number": n}, {}), ME, 30) for n in range(2))
    taken = mailbox.take(second)
    assert taken
    assert taken.id == first, "the oldest, whatever the message names"
    again = mailbox.take(second, "redelivered")
    assert again
    assert (again.id, again.attempt) == (first, 2)
    other = mailbox.take(first)
    assert other
    assert (other.id, other.attempt) == (second, 1)


def test_what_would_wait_too_long_is_refused_at_once(mailbox: Mailbox) -> None:
    for _ in range(2):  # a worker that takes half a second for each
        letter = mailbox.take(mailbox.post(LETTER, ME, 30))
        assert letter
        mailbox.reply(replace(letter, taken_at=letter.taken_at - 0.5), {})
        mailbox.withdraw(letter.id)
    posted = [mailbox.post(LETTER, ME, 1) for _ in range(2)]
    with pytest.raises(RequestError, match="2 operations on images wait before this one") as refusal:
        mailbox.post(LETTER, ME, 1)
    assert refusal.value.code == "ThrottlingException"
    mailbox.post(LETTER, OTHER, 1)  # whose turn comes sooner
    for letter_id in posted:
        mailbox.withdraw(letter_id)
    mailbox.post(LETTER, ME, 1)
    numbers = mailbox.numbers()
    assert (numbers["answered"], numbers["refused"], numbers["waiting"]) == (2, 1, 2)
    assert numbers["pace_s"] >= 0.5


def test_bytes_are_limited_and_one_account_cannot_have_them_all(server: RedisServer) -> None:
    box = Mailbox(Settings(broker_url=server.tcp, image_waiting_bytes=32 * 1024**2))
    large = Letter({}, {"Image": bytes(10 * 1024**2)})
    first = [box.post(large, ME, 30) for _ in range(2)]
    with pytest.raises(RequestError, match="REELSIGHT_IMAGE_WAITING_BYTES") as refusal:
        box.post(large, ME, 30)
    assert refusal.value.code == "ThrottlingException"
    other = box.post(large, OTHER, 30)
    with pytest.raises(RequestError, match="33554432"):
        box.post(large, THIRD, 30)
    for letter in (*first, other):
        box.withdraw(letter)
    box.withdraw(box.post(large, THIRD, 30))
    box.close()


def test_messages_that_nobody_takes_do_not_pile_up(mailbox: Mailbox, server: RedisServer) -> None:
    databases = [Redis(port=server.port, db=number) for number in (0, 1)]
    for client in databases:
        client.lpush(MESSAGES, *(f"{n}" for n in range(MOST_MESSAGES + 5)))
    mailbox.withdraw(mailbox.post(LETTER, ME, 30))
    assert sorted(client.llen(MESSAGES) for client in databases) == [MOST_MESSAGES, MOST_MESSAGES + 5]
    assert {client.lindex(MESSAGES, 0) for client in databases} == {b"%d" % (MOST_MESSAGES + 4)}, "the newest stay"
    for client in databases:
        client.close()


def test_many_callers_get_their_own_answers(mailbox: Mailbox) -> None:
    letters = [mailbox.post(Letter({"number": n}, {}), ME, 30) for n in range(20)]
    found: dict[str, object] = {}
    waiting = [threading.Thread(target=lambda one=one: found.update({one: mailbox.wait(one, 10)})) for one in letters]
    for thread in waiting:
        thread.start()
    for letter in reversed(letters):
        taken = mailbox.take(letter)
        assert taken
        mailbox.reply(taken, taken.body)
    for thread in waiting:
        thread.join()
    assert found == {letter: {"number": n} for n, letter in enumerate(letters)}


def test_a_redis_that_forgot_the_letter_says_so(mailbox: Mailbox, server: RedisServer) -> None:
    letter = mailbox.post(LETTER, ME, 30)
    with contextlib.closing(Redis(port=server.port)) as client:
        client.flushall()
    with pytest.raises(LetterLost):
        mailbox.wait(letter, 20)


@pytest.mark.timeout(60)
def test_a_redis_that_is_away_is_named_at_once_and_one_that_goes_away_ends_no_wait() -> None:
    with tempfile.TemporaryDirectory() as folder:
        with redis_server(Path(folder)) as server:
            box = Mailbox(Settings(broker_url=server.tcp))
            letter = box.post(LETTER, ME, 3600)
        assert box.wait(letter, 1) is None
        with pytest.raises(RedisError):
            box.post(LETTER, ME, 30)
        with pytest.raises(RedisError):
            box.numbers()
        box.withdraw(letter)
        box.close()


@pytest.mark.timeout(60)
def test_a_redis_that_does_not_answer_ends_no_wait_and_takes_no_letter() -> None:
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as server:
        box = Mailbox(Settings(broker_url=server.unix))
        letter = box.post(LETTER, ME, 30)
        server.process.send_signal(signal.SIGSTOP)
        assert box.wait(letter, 1) is None
        with pytest.raises(RedisError):
            box.post(LETTER, ME, 30)
        server.process.send_signal(signal.SIGCONT)
        taken = box.take(letter)
        assert taken
        box.reply(taken, {"members": {}})
        assert box.wait(letter, 10) == {"members": {}}
        box.close()


def test_other_brokers_are_refused_when_they_are_needed() -> None:
    box = Mailbox(Settings(broker_url="amqp://guest@localhost//"))
    with pytest.raises(SetupError, match="amqp"):
        box.post(LETTER, ME, 30)
    box.close()
