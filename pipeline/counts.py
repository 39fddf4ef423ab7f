"""What workers count, added up in Redis for all processes of the installation.

Worker children come and go and have no port, so each event is added where all of them, and every api process that is asked for figures,
can reach it: one hash, one transaction per event. A process that is killed loses nothing that it has counted. A Redis that is started
anew begins at zero, as Prometheus expects of counters. Labels have few values, all of them ours: nothing that a client sends is one.
"""

import time
from bisect import bisect_left
from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple

import structlog
from redis import Redis
from redis.exceptions import RedisError

from pipeline.errors import SetupError
from pipeline.redis_client import redis_of
from pipeline.settings import Settings

COUNTS = "reelsight:counts"
ANSWER_S = 0.5
"""Figures are not worth waiting for: a Redis that does not answer is left alone for"""
PAUSE_S = 5.0

log = structlog.get_logger()

SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
LAG_S = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 3600.0, 21600.0, 86400.0)
RATIOS = (1.0, 1.1, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0)


class Figure(NamedTuple):
    """A counter, or a histogram if it has buckets."""

    text: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


FIGURES: Mapping[str, Figure] = {
    "chunks": Figure("Chunks that workers have settled or lost.", ("outcome",)),
    "chunk_frames": Figure("Frames of chunks that were done."),
    "chunk_seconds": Figure(
        "Wall time of done chunks: total, decode, prepare, and inference of all threads together.", ("part",), SECONDS
    ),
    "stage_seconds": Figure("Time of inference by stage, of all threads together.", ("stage",)),
    "chunk_floor_ratio": Figure(
        "Total time of a chunk over the longer of decoding and inference on all its threads, which run side by side; 1 is the floor.",
        (),
        RATIOS,
    ),
    "leases_expired": Figure("Chunks taken from workers that had vanished."),
    "attempts": Figure("Chunks that workers have begun: first tries and others.", ("kind",)),
    "jobs_ended": Figure("Jobs that have ended.", ("operation", "state")),
    "job_seconds": Figure("From the Start call to the end of a job.", ("state",), LAG_S),
    "deliveries": Figure("Tries to deliver a notification.", ("outcome",)),
    "delivery_lag_seconds": Figure("From an event to the delivery of its notification.", (), LAG_S),
}


def _field(name: str, labels: Mapping[str, str]) -> str:
    return "|".join((name, *(labels[label] for label in labels)))


class Counts:
    """Adds to the figures; never fails, and hardly waits. Safe to use from several threads.

    Args:
        settings: Say where the broker is.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._again = 0.0

    @cached_property
    def _redis(self) -> Redis:
        return redis_of(self._settings, ANSWER_S, ANSWER_S)

    def add(self, name: str, amount: float = 1.0, **labels: str) -> None:
        """Adds to a counter.

        Raises:
            KeyError: there is no such figure.
        """
        self._write({_field(name, _ordered(name, labels)): amount})

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Puts a value into a histogram.

        Raises:
            KeyError: there is no such figure.
        """
        own, place = _ordered(name, labels), bisect_left(FIGURES[name].buckets, value)
        fields = {"sum": max(value, 0.0), str(place): 1.0}
        self._write({_field(f"{name}:{part}", own): amount for part, amount in fields.items()})

    def read(self) -> "dict[tuple[str, tuple[str, ...]], float]":
        """(Name, values of labels) -> sum; of histograms ("name:sum", …) and ("name:<place of the bucket>", …).

        Raises:
            RedisError: Redis cannot be reached.
            SetupError: the broker is not Redis.
        """
        found: dict[tuple[str, tuple[str, ...]], float] = {}
        rows: Any = self._redis.hgetall(COUNTS)
        for field, value in rows.items():
            name, *labels = field.decode().split("|")
            found[name, tuple(labels)] = float(value)
        return found

    def close(self) -> None:
        """Closes the connection, if there is one."""
        if "_redis" in self.__dict__:
            self._redis.close()

    def _write(self, amounts: Mapping[str, float]) -> None:
        if time.monotonic() < self._again:
            return
        try:
            with self._redis.pipeline() as pipe:
                for field, amount in amounts.items():
                    pipe.hincrbyfloat(COUNTS, field, amount)
                pipe.execute()
        except (RedisError, SetupError) as error:
            self._again = time.monotonic() + PAUSE_S
            log.debug("not_counted", reason=str(error))


def _ordered(name: str, labels: Mapping[str, str]) -> Mapping[str, str]:
    return {label: labels[label].replace("|", "_") for label in FIGURES[name].labels}
