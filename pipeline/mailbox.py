"""Requests that are answered at once, by whatever worker is free, through Redis.

A request lies under a key of its own until its caller would have given up, by Redis's clock; the queue carries nothing but its id.
The answer is pushed to a list on which the caller waits. Nothing here is the truth of anything: what is lost is asked again.
"""

import json
import math
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as LostConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as SlowRedisError
from redis.retry import Retry

from pipeline.errors import RequestError, SetupError
from pipeline.settings import Settings

SLICE_S = 2
"""A caller waits in turns of so long, each far within the patience of a connection."""
ANSWER_S = 60
"""How long an answer lies there for a caller that has lost its connection meanwhile."""
RETRY_S = 0.2
_CONNECTION: Mapping[str, Any] = {
    "socket_connect_timeout": 2,
    "socket_timeout": 4 + SLICE_S,
    "health_check_interval": 10,
    "retry": Retry(NoBackoff(), 1),
}


@dataclass(frozen=True, slots=True)
class Letter:
    """A request on its way to a worker.

    Attributes:
        body: What JSON can carry.
        attachments: Bytes by name.
        attempt: How many workers have taken it, the present one included; 0 on the way in.
    """

    body: Mapping[str, Any]
    attachments: Mapping[str, bytes]
    attempt: int = 0


class Mailbox:
    """Letters in, answers out; safe to use from several threads.

    Args:
        settings: Say where the broker is, which keeps them, and how many callers may wait at once.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._places = threading.BoundedSemaphore(settings.image_waiting)

    @cached_property
    def _redis(self) -> Redis:
        """Connections, made on first use; installations whose broker is not Redis have none.

        Raises:
            SetupError: the broker is not Redis.
        """
        return _redis(self._settings)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Room for one caller, who waits inside the `with` block.

        Raises:
            RequestError: ProvisionedThroughputExceededException: all places are taken.
        """
        if not self._places.acquire(blocking=False):
            raise RequestError("ProvisionedThroughputExceededException", "Provisioned Rate exceeded.")
        try:
            yield
        finally:
            self._places.release()

    def post(self, letter: Letter, life_s: float) -> str:
        """The id under which the letter lies for so long.

        Raises:
            RedisError: Redis cannot be reached.
        """
        letter_id = secrets.token_hex(16)
        fields: dict[Any, Any] = {f"attached:{name}": content for name, content in letter.attachments.items()}
        fields["body"] = json.dumps(letter.body).encode()
        with self._redis.pipeline() as pipe:
            pipe.hset(_letter(letter_id), mapping=fields)
            pipe.expire(_letter(letter_id), math.ceil(life_s))
            pipe.execute()
        return letter_id

    def wait(self, letter_id: str, timeout_s: float) -> Mapping[str, Any] | None:
        """The answer; None: there was none in time."""
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            try:
                found = self._redis.blpop([_answer(letter_id)], timeout=max(1, min(SLICE_S, round(left))))
            except (LostConnectionError, SlowRedisError):
                time.sleep(min(RETRY_S, left))
                continue
            if found is not None:
                answer: dict[str, Any] = json.loads(found[1])
                return answer
        return None

    def withdraw(self, letter_id: str) -> None:
        """Nobody needs to answer the letter any more."""
        with suppress(RedisError):
            self._redis.delete(_letter(letter_id))

    def take(self, letter_id: str) -> Letter | None:
        """The letter, marked as taken once more; None: its caller has given up."""
        tried = f"{_letter(letter_id)}:taken"
        with self._redis.pipeline() as pipe:
            pipe.hgetall(_letter(letter_id))
            pipe.incr(tried)
            pipe.expire(tried, ANSWER_S)
            fields, attempt, _ = pipe.execute()
        if b"body" not in fields:
            return None
        body = json.loads(fields.pop(b"body"))
        names = {name: name.decode().removeprefix("attached:") for name in fields}
        return Letter(body, {names[name]: content for name, content in fields.items()}, attempt)

    def reply(self, letter_id: str, answer: Mapping[str, Any]) -> None:
        """Answers the letter, which is withdrawn."""
        with self._redis.pipeline() as pipe:
            pipe.delete(_letter(letter_id))
            pipe.rpush(_answer(letter_id), json.dumps(answer).encode())
            pipe.expire(_answer(letter_id), ANSWER_S)
            pipe.execute()

    def close(self) -> None:
        """Closes the connections, if there are any."""
        if "_redis" in self.__dict__:
            self._redis.close()


def _redis(settings: Settings) -> Redis:
    if settings.broker_url is None:
        return Redis(unix_socket_path=str(settings.redis_socket), **_CONNECTION)
    scheme, _, rest = settings.broker_url.partition("://")
    try:
        if scheme == "redis+socket":
            return Redis.from_url(f"unix://{rest.replace('virtual_host=', 'db=')}", **_CONNECTION)
        return Redis.from_url(settings.broker_url, socket_keepalive=True, **_CONNECTION)
    except ValueError:
        raise SetupError(f"REELSIGHT_BROKER_URL: operations on images need Redis or Valkey, not {scheme}.") from None


def _letter(letter_id: str) -> str:
    return f"reelsight:letter:{letter_id}"


def _answer(letter_id: str) -> str:
    return f"reelsight:answer:{letter_id}"
