"""What the api counts, in Prometheus' text format; names follow the metrics that AWS publishes for Rekognition.

Source: Amazon Rekognition developer guide, "CloudWatch metrics for Rekognition".
"""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from redis.exceptions import RedisError
from sqlalchemy import Engine, func, select

from pipeline.errors import SetupError
from pipeline.jobs.types import JobState
from pipeline.mailbox import Mailbox
from pipeline.store.engine import reading
from pipeline.store.metadata import utcnow
from pipeline.store.schema import jobs

CONTENT_TYPE = CONTENT_TYPE_LATEST
THROTTLED = frozenset({"ThrottlingException", "ProvisionedThroughputExceededException"})
"""Codes of requests that were refused because there are too many."""
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Counters of one api process, and of the whole installation gauges of its jobs and of its queue of images."""

    def __init__(self, engine: Engine, mailbox: Mailbox) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Jobs(engine))
        self._registry.register(_Images(mailbox))
        self._counts = {
            name: Counter(f"reelsight_{name}", text, ("operation",), registry=self._registry)
            for name, text in (
                ("successful_request_count", "SuccessfulRequestCount: requests answered with 200."),
                ("user_error_count", "UserErrorCount: requests refused because of the request."),
                ("server_error_count", "ServerErrorCount: requests failed by the server, or not implemented by it."),
                (
                    "throttled_count",
                    "ThrottledCount: requests refused because there were too many; among the others too.",
                ),
            )
        }
        self._time = Histogram(
            "reelsight_response_time_seconds",
            "ResponseTime: from the whole request to the whole answer.",
            ("operation",),
            registry=self._registry,
            buckets=BUCKETS_S,
        )

    def count(self, operation: str, status: int, seconds: float, code: str | None = None) -> None:
        """Adds one answered request; `code` is that of its error."""
        if code in THROTTLED:
            self._counts["throttled_count"].labels(operation).inc()
        kind = (
            "server_error_count"
            if status >= 500
            else "user_error_count"
            if status >= 400
            else "successful_request_count"
        )
        self._counts[kind].labels(operation).inc()
        self._time.labels(operation).observe(seconds)

    def text(self) -> bytes:
        """Everything, for a scraper."""
        return generate_latest(self._registry)


class _Jobs(Collector):
    """Gauges that are read from the database when somebody looks."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def describe(self) -> list[Metric]:
        """Nothing: registering must not read the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Jobs by operation and state, and how long the oldest queued one has waited."""
        count = GaugeMetricFamily("reelsight_jobs", "Jobs that are kept.", labels=("operation", "state"))
        by_state = select(jobs.c.operation, jobs.c.state, func.count()).group_by(jobs.c.operation, jobs.c.state)
        with reading(self._engine) as connection:
            for operation, state, number in connection.execute(by_state):
                count.add_metric((operation, state), number)
            oldest = connection.execute(
                select(func.min(jobs.c.created_at)).where(jobs.c.state == JobState.QUEUED)
            ).scalar()
        yield count
        age = 0.0 if oldest is None else max(0.0, (utcnow() - oldest).total_seconds())
        yield GaugeMetricFamily("reelsight_oldest_queued_age_seconds", "Age of the oldest queued job.", value=age)


class _Images(Collector):
    """The queue of operations on images, read from the broker when somebody looks; nothing while it is away."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    def describe(self) -> list[Metric]:
        """Nothing: registering must not read the broker."""
        return []

    def collect(self) -> Iterator[Metric]:
        """How many wait and are being answered, their bytes, and what answers have taken since the broker was started."""
        try:
            numbers = self._mailbox.numbers()
        except (RedisError, SetupError):
            return
        count = GaugeMetricFamily("reelsight_image_requests", "Operations on images under way.", labels=("state",))
        for state in ("waiting", "taken"):
            count.add_metric((state,), numbers[state])
        yield count
        yield GaugeMetricFamily("reelsight_image_bytes", "Bytes of them in the broker.", value=numbers["bytes"])
        for name, key, text in (
            ("answers", "answered", "Operations on images that workers have answered."),
            ("refusals", "refused", "Operations on images refused for their number, by all api processes."),
            ("wait_seconds", "waited_s", "How long all answered ones have waited for a worker."),
            ("work_seconds", "worked_s", "How long workers were busy with them."),
        ):
            yield CounterMetricFamily(f"reelsight_image_{name}", text, value=numbers.get(key, 0.0))
