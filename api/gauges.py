"""Figures of the whole installation, read from the database and from Redis when somebody looks; any api process tells them."""

import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from redis.exceptions import RedisError
from sqlalchemy import Connection, Select, func, select
from sqlalchemy.exc import SQLAlchemyError

from pipeline import queue
from pipeline.counts import FIGURES, Counts, Figure
from pipeline.errors import SetupError
from pipeline.jobs.types import OPEN_CHUNKS, ChunkState, JobState, PassState
from pipeline.liveness import Register
from pipeline.mailbox import Mailbox
from pipeline.notify.outbox import DeliveryState
from pipeline.roll_call import Roll, roll_call
from pipeline.services import Services
from pipeline.store.engine import reading
from pipeline.store.metadata import utcnow
from pipeline.store.notify_schema import deliveries
from pipeline.store.schema import chunks, jobs, passes

FRESH_S = 5.0
"""Figures that were read so lately are told again: they count whole tables, however often somebody asks."""
STALE_S = 60.0
"""Figures that are older, because reading them takes so long, are not told any more."""

log = structlog.get_logger()


class _Quiet(Collector):
    """A collector whose source may be away: it then tells nothing, and the others still do.

    One caller reads at a time, others get the last figures.
    """

    def __init__(self) -> None:
        self._reading = threading.Lock()
        self._figures: tuple[Metric, ...] = ()
        self._read_at = -STALE_S

    def describe(self) -> list[Metric]:
        """Nothing: registering must not read anything."""
        return []

    def collect(self) -> Iterator[Metric]:
        """What there was at most `FRESH_S` ago; while somebody reads it anew, at most `STALE_S`."""
        if self._reading.acquire(blocking=False):
            try:
                if self._age_s() >= FRESH_S:
                    self._figures, self._read_at = self._read(), time.monotonic()
            finally:
                self._reading.release()
        if self._age_s() < STALE_S:
            yield from self._figures

    def _age_s(self) -> float:
        return time.monotonic() - self._read_at

    def _read(self) -> tuple[Metric, ...]:
        try:
            return tuple(self.metrics())
        except (RedisError, SetupError, SQLAlchemyError) as error:
            log.warning("figures_not_read", source=type(self).__name__.strip("_").lower(), reason=str(error))
            return ()

    @abstractmethod
    def metrics(self) -> Iterator[Metric]:
        """What there is. Raises whatever its source raises."""


def collectors(services: Services, register: Callable[[], Register]) -> Sequence[Collector]:
    """All of them."""
    return [
        _Database(services),
        _Images(services.mailbox),
        _Workers(services, register),
        _Counted(services.counts),
    ]


class _Database(_Quiet):
    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services

    def metrics(self) -> Iterator[Metric]:
        """Jobs, chunks and deliveries by state, and the ages of what waits."""
        with reading(self._services.engine) as connection:
            now = utcnow()
            yield _by_state("reelsight_jobs", "Jobs that are kept.", connection, (jobs.c.operation, jobs.c.state))
            open_chunks = (chunks.c.state.in_(OPEN_CHUNKS),)
            yield _by_state("reelsight_chunks", "Chunks to be done.", connection, (chunks.c.state,), open_chunks)
            yield _by_state("reelsight_kept_deliveries", "Deliveries that are kept.", connection, (deliveries.c.state,))
            ages = {name: _age_s(connection, query, now) for name, query in _oldest(now).items()}
        queued = GaugeMetricFamily(
            "reelsight_oldest_queued_age_seconds", "Age of the oldest queued job.", value=ages["jobs"]
        )
        yield queued
        age = GaugeMetricFamily(
            "reelsight_queue_age_seconds", "How long the oldest due work of a queue has waited.", labels=("queue",)
        )
        for name in (queue.VIDEO, queue.CONTROL, queue.NOTIFY):
            age.add_metric((name,), ages[name])
        yield age


def _oldest(now: datetime) -> Mapping[str, Select[Any]]:
    """Queue -> since when the oldest work has been due."""
    queued = select(func.min(jobs.c.created_at)).where(jobs.c.state == JobState.QUEUED)
    waiting = select(func.min(passes.c.created_at)).select_from(chunks)
    due = select(func.min(deliveries.c.next_at)).where(deliveries.c.state == DeliveryState.PENDING)
    return {
        "jobs": queued,
        queue.VIDEO: waiting.join(passes).where(
            chunks.c.state == ChunkState.QUEUED, passes.c.state == PassState.RUNNING
        ),
        queue.CONTROL: queued.where(jobs.c.pass_id.is_(None)),
        queue.NOTIFY: due.where(deliveries.c.next_at <= now),
    }


def _age_s(connection: Connection, query: Select[Any], now: datetime) -> float:
    since = connection.execute(query).scalar()
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())


def _by_state(
    name: str, text: str, connection: Connection, columns: Sequence[Any], where: Sequence[Any] = ()
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[column.name for column in columns])
    query = select(*columns, func.count()).where(*where).group_by(*columns)
    for *labels, number in connection.execute(query):
        family.add_metric([str(label) for label in labels], number)
    return family


class _Images(_Quiet):
    """The queue of operations on images."""

    def __init__(self, mailbox: Mailbox) -> None:
        super().__init__()
        self._mailbox = mailbox

    def metrics(self) -> Iterator[Metric]:
        """How many wait and are being answered, their bytes, and what answers have taken since the broker was started."""
        numbers = self._mailbox.numbers()
        count = GaugeMetricFamily("reelsight_image_requests", "Operations on images under way.", labels=("state",))
        for state in ("waiting", "taken"):
            count.add_metric((state,), numbers[state])
        yield count
        yield GaugeMetricFamily(
            "reelsight_image_queue_age_seconds", "How long the oldest of them has waited.", value=numbers["oldest_s"]
        )
        yield GaugeMetricFamily("reelsight_image_bytes", "Bytes of them in the broker.", value=numbers["bytes"])
        for name, key, text in (
            ("answers", "answered", "Operations on images that workers have answered."),
            ("refusals", "refused", "Operations on images refused for their number, by all api processes."),
            ("wait_seconds", "waited_s", "How long all answered ones have waited for a worker."),
            ("work_seconds", "worked_s", "How long workers were busy with them."),
        ):
            yield CounterMetricFamily(f"reelsight_image_{name}", text, value=numbers.get(key, 0.0))


class _Workers(_Quiet):
    """Who lives, and how many messages wait for them."""

    def __init__(self, services: Services, register: Callable[[], Register]) -> None:
        super().__init__()
        self._services = services
        self._register = register

    def metrics(self) -> Iterator[Metric]:
        """Workers by queue, the ages of their signs of life, and the lengths of the queues."""
        register = self._register()
        yield from _roll_metrics(roll_call(register, self._services.settings))
        lengths = GaugeMetricFamily("reelsight_queue_messages", "Messages that no worker has taken.", labels=("queue",))
        for name, length in register.lengths(sorted(set(queue.ROUTES.values()))).items():
            lengths.add_metric((name,), length)
        yield lengths


def _roll_metrics(roll: Roll) -> Iterator[Metric]:
    living = GaugeMetricFamily("reelsight_workers", "Workers that take what comes to a queue.", labels=("queue",))
    slots = GaugeMetricFamily("reelsight_worker_slots", "Tasks they can have under way.", labels=("queue", "state"))
    age = GaugeMetricFamily(
        "reelsight_oldest_heartbeat_age_seconds",
        "Of the worker of a queue that took a message of its own longest ago, silent ones included.",
        labels=("queue",),
    )
    signs = [*roll.living, *(sign for sign, _ in roll.silent)]
    for name in queue.QUEUES:
        mine = roll.of(name)
        busy = sum(sign.facts.busy for sign in mine)
        living.add_metric((name,), len(mine))
        slots.add_metric((name, "busy"), busy)
        slots.add_metric((name, "free"), max(0, sum(sign.facts.slots for sign in mine) - busy))
        if ages := [sign.ages_s.get("taken", 0.0) for sign in signs if name in sign.facts.queues]:
            age.add_metric((name,), max(ages))
    yield from (living, slots, age)
    yield GaugeMetricFamily("reelsight_silent_workers", "Workers that have fallen silent.", value=len(roll.silent))


class _Counted(_Quiet):
    """What workers count."""

    def __init__(self, counts: Counts) -> None:
        super().__init__()
        self._counts = counts

    def metrics(self) -> Iterator[Metric]:
        """Every figure there is, also those that nobody has counted yet."""
        found = self._counts.read()
        for name, figure in FIGURES.items():
            yield _histogram(name, figure, found) if figure.buckets else _counter(name, figure, found)


Found = Mapping[tuple[str, tuple[str, ...]], float]


def _counter(name: str, figure: Figure, found: Found) -> Metric:
    family = CounterMetricFamily(f"reelsight_{name}", figure.text, labels=figure.labels)
    own = {labels: value for (key, labels), value in found.items() if key == name}
    for labels, value in (own or ({} if figure.labels else {(): 0.0})).items():
        family.add_metric(labels, value)
    return family


def _histogram(name: str, figure: Figure, found: Found) -> Metric:
    family = HistogramMetricFamily(f"reelsight_{name}", figure.text, labels=figure.labels)
    for labels in sorted({labels for key, labels in found if key.startswith(f"{name}:")}):
        total, rows = 0.0, []
        for place, bound in enumerate((*figure.buckets, float("inf"))):
            total += found.get((f"{name}:{place}", labels), 0.0)
            rows.append(("+Inf" if place == len(figure.buckets) else str(bound), total))
        family.add_metric(labels, rows, found.get((f"{name}:sum", labels), 0.0))
    return family
