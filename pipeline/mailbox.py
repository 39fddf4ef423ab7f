"""Requests that are answered at once, by whatever worker is free, through Redis.

A request lies under a key of its own until its caller would have given up, by Redis's clock; the queue carries nothing but an id.
The answer is pushed to a list on which the caller waits. Nothing here is the truth of anything: what is lost is asked again.
"""

import json
import math
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import RedisError

from pipeline.errors import RequestError
from pipeline.redis_client import redis_of
from pipeline.settings import Settings
from pipeline.turns import HOLD_S, LETTER, RESERVE, Entry, Fate, How, Turns

SLICE_S = 1.0
"""A caller waits in turns of so long, each far within the patience of a connection."""
UNHEARD_SLICES = 3
"""A worker may need so many to take what has arrived."""
ANSWER_S = 60
"""How long an answer lies there for a caller that has lost its connection meanwhile."""
RETRY_S = 0.2
ATTACHED = "attached:"
log = structlog.get_logger()


class LetterLost(Exception):  # noqa: N818 - what happened, not "an error"
    """Redis has forgotten the letter, unanswered: it was started anew."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A request on its way to a worker.

    Attributes:
        body: What JSON can carry.
        attachments: Bytes by name.
        id: Names it; empty on the way in.
        attempt: How many workers have taken it, the present one included; 0 on the way in.
        waited_s: How long it has lain there.
        taken_at: When the worker took it, by its monotonic clock.
    """

    body: Mapping[str, Any]
    attachments: Mapping[str, bytes]
    id: str = ""
    attempt: int = 0
    waited_s: float = 0.0
    taken_at: float = 0.0


class Mailbox:
    """Letters in, answers out; safe to use from several threads.

    Args:
        settings: Say where the broker is, which keeps them, and how many callers may wait at once.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._places: Counter[str] = Counter()

    @cached_property
    def _redis(self) -> Redis:
        """Connections, made on first use; installations whose broker is not Redis have none.

        Raises:
            SetupError: the broker is not Redis.
        """
        return redis_of(self._settings, answer_s=2 + SLICE_S)

    @cached_property
    def _turns(self) -> Turns:
        return Turns(self._redis, self._settings.image_waiting_bytes)

    @contextmanager
    def place(self, account: str) -> Iterator[None]:
        """Room for one caller, who waits inside the `with` block.

        Raises:
            RequestError: ThrottlingException: this process has no more, or none for this account.
        """
        self._sit(account)
        try:
            yield
        finally:
            with self._lock:
                self._places[account] -= 1
                self._places += Counter()  # forgets those who have none

    def post(self, letter: Letter, account: str, life_s: float) -> str:
        """The id under which the letter lies for so long.

        Raises:
            RequestError: ThrottlingException: there is no room for it, or it would not be answered in time.
            RedisError: Redis cannot be reached.
        """
        fields: dict[Any, Any] = {ATTACHED + name: content for name, content in letter.attachments.items()}
        fields["body"] = json.dumps(letter.body).encode()
        size = sum(map(len, fields.values()))
        fields["life_s"] = life_s
        letter_id = f"{account}:{size}:{secrets.token_hex(16)}"
        entry = self._turns.enter(letter_id, account, size, life_s)
        if entry.verdict != "entered":
            log.warning("image_request_refused", why=entry.verdict, ahead=entry.ahead, bytes=entry.bytes)
            raise self._refusal(entry, life_s)
        try:
            with self._redis.pipeline() as pipe:
                pipe.hset(LETTER + letter_id, mapping=fields)
                pipe.pexpire(LETTER + letter_id, math.ceil(life_s * 1000))
                pipe.execute()
        except RedisError:
            self.withdraw(letter_id)
            raise
        return letter_id

    def wait(
        self,
        letter_id: str,
        timeout_s: float,
        left: Callable[[], bool] = bool,
        wake: Callable[[How], None] = lambda _: None,
    ) -> Mapping[str, Any] | None:
        """The answer; None: there was none in time, or the caller has `left`. `wake` is called when the worker that has taken the letter
        ends, and when the message that should make one take it was lost with another.

        Raises:
            LetterLost: there will be none.
        """
        deadline, watch = time.monotonic() + timeout_s, _Fates(wake)
        while (remaining := deadline - time.monotonic()) > 0 and not left():
            try:
                found = self._redis.blpop([_answer(letter_id)], timeout=min(SLICE_S, remaining))
                if found is None and not watch.lies(self._turns.fate(letter_id)):
                    found = self._last_look(letter_id)
            except RedisError:  # also one that is being loaded, or has another role for now
                time.sleep(min(RETRY_S, remaining))
                continue
            if found is not None:
                answer: dict[str, Any] = json.loads(found[1])
                return answer
        return None

    def withdraw(self, letter_id: str) -> None:
        """Nobody needs to answer the letter any more."""
        with suppress(RedisError):
            self._turns.leave(letter_id)

    def take(self, message_id: str, how: How = "turn") -> Letter | None:
        """The letter that a worker which was sent this id is to answer, marked as taken once more; None: nobody waits."""
        turn = self._turns.take(message_id, how)
        fields: dict[Any, Any] = self._redis.hgetall(LETTER + turn.letter_id) if turn else {}
        if turn is None or b"body" not in fields:
            return None
        attached = {
            name.decode().removeprefix(ATTACHED): content
            for name, content in fields.items()
            if name.decode().startswith(ATTACHED)
        }
        waited_s = max(0.0, float(fields[b"life_s"]) - turn.left_s)
        body, now = json.loads(fields[b"body"]), time.monotonic()
        return Letter(body, attached, turn.letter_id, turn.attempt, waited_s, now)

    @contextmanager
    def holding(self, letter: Letter) -> Iterator[None]:
        """Inside it, the caller knows that somebody is at the letter, however long that takes."""
        over = threading.Event()

        def hold() -> None:
            while not over.wait(HOLD_S / 4):
                with suppress(RedisError):
                    self._turns.hold(letter.id)

        thread = threading.Thread(target=hold, name="holding", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()

    def reply(self, letter: Letter, answer: Mapping[str, Any]) -> None:
        """Answers the letter, if somebody still waits."""
        worked_s = time.monotonic() - letter.taken_at
        content = json.dumps(answer).encode()
        self._turns.answer(letter.id, _answer(letter.id), content, ANSWER_S, worked_s, letter.waited_s)

    def numbers(self) -> Mapping[str, float]:
        """How the queue is and was; see `Turns.numbers`.

        Raises:
            RedisError: Redis cannot be reached.
        """
        return self._turns.numbers()

    def close(self) -> None:
        """Closes the connections, if there are any."""
        if "_redis" in self.__dict__:
            self._redis.close()

    def _sit(self, account: str) -> None:
        most = self._settings.image_waiting
        share = max(1, int(most * (1 - RESERVE)))
        with self._lock:
            sitting, own = self._places.total(), self._places[account]
            if sitting < most and own < share:
                self._places[account] += 1
                return
        counted = f"{own} of account {account}, at most {share}" if sitting < most else f"{sitting}, at most {most}"
        raise _throttled(
            f"{counted} operations on images may be under way in one process of the API (REELSIGHT_IMAGE_WAITING)"
        )

    def _last_look(self, letter_id: str) -> tuple[str, bytes]:
        """What came between the last wait and now: letter and answer change in one step."""
        answer: Any = self._redis.lpop(_answer(letter_id))
        if answer is None:
            raise LetterLost
        return "", answer

    def _refusal(self, entry: Entry, life_s: float) -> RequestError:
        if entry.verdict == "slow":
            return _throttled(
                f"{entry.ahead} operations on images wait before this one, about {entry.wait_s:.0f} s for the workers there "
                f"are, and no answer is waited for longer than {life_s:g} s (REELSIGHT_IMAGE_TIMEOUT_S)"
            )
        most = self._settings.image_waiting_bytes
        return _throttled(
            f"the images under way have {entry.bytes} bytes; with this one they would exceed {most}, or what one account "
            f"may have of that (REELSIGHT_IMAGE_WAITING_BYTES)"
        )


class _Fates:
    """What a caller does about the fates of its letter; a worker that has taken it is replaced once."""

    def __init__(self, wake: Callable[[How], None]) -> None:
        self._wake = wake
        self._replaced = 0
        self._unheard = 0

    def lies(self, fate: Fate) -> bool:
        """Whether the letter is still there; wakes another worker where that is needed."""
        self._unheard = self._unheard + 1 if fate.unheard else 0
        if fate.abandoned and fate.attempt > self._replaced:
            self._replaced = fate.attempt
            log.warning("image_worker_ended", attempt=fate.attempt)
            self._wake("again")
        elif self._unheard >= UNHEARD_SLICES:
            self._unheard = 0
            self._wake("turn")
        return fate.lies


def _throttled(why: str) -> RequestError:
    return RequestError("ThrottlingException", f"The service cannot take the request now: {why}. Try your call again.")


def _answer(letter_id: str) -> str:
    return f"reelsight:answer:{letter_id}"
