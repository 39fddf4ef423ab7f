"""Signs of life of the workers: a register in Redis that api, supervisors and commands read.

Being connected proves nothing: workers have been seen to stay connected and take no message any more (celery#8030, #10205, #10302). So
each sends itself messages through the broker, on a queue of its own that it reads over the same connection as its other queues, and
counts here what it has taken. All counters only rise, so that a watcher needs no clock but its own; the moments beside them are
Redis's, for those who look once.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Literal

from redis import Redis

WORKERS, WORKER = "reelsight:workers", "reelsight:worker:"
OWN_QUEUE = "reelsight.own."
WATCHED = "reelsight:watched"
KEEP_S = 3600
"""What a worker that ended without a word has left is forgotten after this long."""
BUSY_S = 1800.0
"""Past it, tasks that tell of no progress no longer excuse that nothing else is taken; longer than any task may run."""

Event = Literal["beat", "taken", "progress"]
"""The main process lives; it has taken a message of its own; a task of it has got on."""

_TELL = """
local now = redis.call('TIME')[1]
redis.call('HSET', KEYS[1], ARGV[1] .. '_at', now)
redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'facts', ARGV[2]) end
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('SADD', KEYS[2], ARGV[4])
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a worker tells of itself.

    Attributes:
        worker: Its name in Celery, for example video@host.
        queues: What it was started for.
        deaf: Those of them that it does not listen to.
        pool: Kind of pool.
        slots: How many tasks it can have under way.
        busy: How many it has.
        busy_s: How long the longest of them has been under way.
        version: Of Reelsight.
        origin: Which process it is, see `pipeline.process.origin`; empty: it does not know, or is of a version that does not tell.
    """

    worker: str
    queues: tuple[str, ...]
    deaf: tuple[str, ...]
    pool: str
    slots: int
    busy: int
    busy_s: float
    version: str
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Sign:
    """What is known of a worker.

    Attributes:
        process: Machine and pid of its main process.
        facts: What it told last.
        counts: How often each event was told.
        ages_s: How long ago each was told last, by Redis's clock; events that never were are missing.
    """

    process: str
    facts: Facts
    counts: Mapping[str, int]
    ages_s: Mapping[str, float]

    @property
    def is_full(self) -> bool:
        """Whether it has as many tasks as it can, and so takes no messages."""
        return self.facts.busy >= self.facts.slots

    def ailment(self, since_s: Mapping[str, float], silent_s: float) -> str | None:
        """Why the worker must be started again; None: it lives, as far as can be told.

        Args:
            since_s: How long ago each event was told last.
            silent_s: How long is too long.
        """
        beat, taken, progress = (since_s.get(event, inf) for event in ("beat", "taken", "progress"))
        if progress <= silent_s:
            return None
        if min(beat, progress) > self._patience_s(progress < beat, silent_s):
            return f"its main process has given no sign of life for {min(beat, progress):.0f} s"
        if self.is_full and self.facts.busy_s <= BUSY_S:
            return None
        if self.facts.deaf:
            return f"it does not listen to its queue {', '.join(self.facts.deaf)}"
        if taken > silent_s:
            return f"it is connected, but has taken no message for {taken:.0f} s"
        return None

    def _patience_s(self, got_on: bool, silent_s: float) -> float:
        """How long no beat is no ailment: one that works in its main process gives none meanwhile, only signs of progress."""
        if self.facts.pool != "solo" or not self.is_full:
            return silent_s
        return 4 * silent_s if got_on else BUSY_S


class Register:
    """The register; safe to use from several threads.

    Args:
        redis: Where it is.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._tell = redis.register_script(_TELL)

    def tell(self, process: str, event: Event, facts: Facts | None = None) -> None:
        """Notes a sign of life.

        Raises:
            RedisError: Redis cannot be reached.
        """
        told = "" if facts is None else json.dumps({name: getattr(facts, name) for name in Facts.__slots__})
        self._tell([WORKER + process, WORKERS], [event, told, KEEP_S, process])

    def check_writable(self) -> None:
        """Passes if signs of life can be noted.

        Raises:
            RedisError: they cannot: Redis is away, full, or cannot save what it has.
        """
        self._redis.set(WATCHED, 1, ex=KEEP_S)

    def forget(self, process: str) -> None:
        """The worker has ended, or begins anew under the name of another that was killed."""
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.unlink(WORKER + process, own_queue(process))
            pipe.srem(WORKERS, process)
            pipe.execute()

    def signs(self) -> list[Sign]:
        """What is known of all workers, in the order of their names.

        Raises:
            RedisError: Redis cannot be reached.
        """
        processes = sorted(member.decode() for member in self._members())
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.time()
            for process in processes:
                pipe.hgetall(WORKER + process)
            (seconds, micros), *rows = pipe.execute()
        found = dict(zip(processes, rows, strict=True))
        if gone := [process for process, row in found.items() if not row]:
            self._redis.srem(WORKERS, *gone)
        now = seconds + micros / 1e6
        signs = [_sign(process, row, now) for process, row in found.items() if b"facts" in row]
        return sorted(signs, key=lambda sign: (sign.facts.worker, sign.process))

    def lengths(self, queues: Sequence[str]) -> Mapping[str, int]:
        """Queue -> how many of its messages no worker has taken.

        Raises:
            RedisError: Redis cannot be reached.
        """
        with self._redis.pipeline(transaction=False) as pipe:
            for queue in queues:
                pipe.llen(queue)
            return dict(zip(queues, pipe.execute(), strict=True))

    def _members(self) -> Iterable[bytes]:
        members: Any = self._redis.smembers(WORKERS)
        return list(members)


def own_queue(process: str) -> str:
    """Name of the queue that only this worker reads."""
    return OWN_QUEUE + process


def _sign(process: str, row: Mapping[bytes, bytes], now: float) -> Sign:
    values = {name.decode(): value for name, value in row.items()}
    told = json.loads(values.pop("facts"))
    # A newer version may tell more, an older one less.
    known = {name: told[name] for name in Facts.__slots__ if name in told}
    facts = Facts(**{**known, "queues": tuple(told["queues"]), "deaf": tuple(told["deaf"])})
    ages = {name.removesuffix("_at"): now - float(value) for name, value in values.items() if name.endswith("_at")}
    counts = {name: int(value) for name, value in values.items() if not name.endswith("_at")}
    return Sign(process, facts, counts, {name: max(0.0, age) for name, age in ages.items()})
