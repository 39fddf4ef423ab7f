"""Sees which of this machine's workers have fallen silent; what it cannot see, because the broker is away, it does not judge."""

import contextlib
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import structlog
from redis.exceptions import RedisError

from pipeline.devices import PATIENCE_S
from pipeline.liveness import Register, Sign
from pipeline.redis_client import redis_of
from pipeline.settings import Settings

ANSWER_S = 0.5
"""Whoever watches has other things to do than to wait for a broker."""
START_S = 300.0
"""A worker that starts may load models for so long before its first sign; where it tries devices first, so much longer as that may take."""
BUILD_S = 3600.0
"""So long where TensorRT builds an engine for each of them first."""
RECONNECT_S = 45.0
"""After the broker was away: Celery's pauses between its tries to connect grow to half a minute."""

log = structlog.get_logger()


def start_patience_s(settings: Settings) -> float:
    """How long a worker with these settings may take to its first sign of life."""
    if settings.device == "tensorrt":
        return BUILD_S
    return START_S if settings.device == settings.decode_device == "cpu" else START_S + PATIENCE_S


@dataclass(slots=True)
class _Seen:
    """What was seen of one worker: how often each event was told, and when that changed, on the watcher's own clock."""

    since: float
    sign: Sign | None = None
    changed: dict[str, float] = field(default_factory=dict)

    def look(self, sign: Sign, now: float) -> None:
        """Takes note of the present state."""
        known = self.sign.counts if self.sign else {}
        for event, count in sign.counts.items():
            if known.get(event) != count:
                self.changed[event] = now
        self.sign = sign


class Watch:
    """Watches the workers of this machine by their counters, so that no clock that is set, and no sleep of the machine, matters.

    Args:
        settings: Say where the broker is, and how long is too long.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._register = Register(redis_of(settings, ANSWER_S, ANSWER_S))
        self._host = os.uname().nodename
        self._seen: dict[int, _Seen] = {}
        self._blind = True
        self._due = 0.0

    def ailments(self, pids: Iterable[int]) -> Mapping[int, str]:
        """pid -> why that worker must be started again; to be asked often, looks every `beat_s`."""
        now = time.monotonic()
        if now < self._due:
            return {}
        # Who could not look for that long, on a machine that is stopped or crowded, blames nobody who could not beat either.
        self._blind = self._blind or now > self._due + self._settings.silent_s / 2
        self._due = now + self._settings.beat_s
        try:
            self._register.check_writable()  # a full Redis takes signs of life from nobody
            signs = {sign.process: sign for sign in self._register.signs()}
        except RedisError as error:
            if not self._blind:
                log.warning("workers_not_watched", reason=str(error))
            self._blind = True
            return {}
        if self._blind:
            self._see_again(now)
        mine = list(pids)
        self._forget(self._seen.keys() - mine)
        self._seen = {pid: self._seen.get(pid) or _Seen(now) for pid in mine}
        found = {pid: self._ailment(pid, signs.get(f"{self._host}:{pid}"), now) for pid in mine}
        return {pid: reason for pid, reason in found.items() if reason is not None}

    def _forget(self, ended: Iterable[int]) -> None:
        """Takes those that have ended, however, from the register."""
        with contextlib.suppress(RedisError):
            for pid in ended:
                self._register.forget(f"{self._host}:{pid}")

    def _see_again(self, now: float) -> None:
        """Nobody is blamed for the time in which the broker was away, nor for finding it again a little later."""
        self._blind = False
        for seen in self._seen.values():
            seen.since = now + RECONNECT_S
            seen.changed = {}

    def _ailment(self, pid: int, sign: Sign | None, now: float) -> str | None:
        seen = self._seen[pid]
        if sign is not None:
            seen.look(sign, now)
        if seen.sign is None:
            patience = start_patience_s(self._settings)
            late = now - seen.since > patience
            return f"it has given no sign of life in {patience:.0f} s" if late else None
        silent_s = self._settings.silent_s
        events = ("beat", "taken", "progress") if "progress" in seen.sign.counts else ("beat", "taken")
        ages = {event: now - seen.changed.get(event, seen.since) for event in events}
        return seen.sign.ailment(ages, silent_s)
