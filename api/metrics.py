"""What the api counts, in Prometheus' text format; names follow the metrics that AWS publishes for Rekognition.

Source: Amazon Rekognition developer guide, "CloudWatch metrics for Rekognition".
"""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from api.gauges import collectors
from pipeline.roll_call import register_of
from pipeline.services import Services

CONTENT_TYPE = CONTENT_TYPE_LATEST
THROTTLED = frozenset({"ThrottlingException", "ProvisionedThroughputExceededException"})
"""Codes of requests that were refused because there are too many."""
DETECTED = {
    "FaceDetails": "detected_face_count",
    "FaceRecords": "detected_face_count",
    "Labels": "detected_label_count",
}
"""Member of an answer -> what its items count as. Source: as above: DetectFaces and IndexFaces; DetectLabels."""
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Counters of one api process, and the figures of the whole installation."""

    def __init__(self, services: Services) -> None:
        self._registry = CollectorRegistry()
        for collector in collectors(services, cache(lambda: register_of(services.settings))):
            self._registry.register(collector)
        build = Gauge("reelsight_build", "Always 1; the version is a label.", ("version",), registry=self._registry)
        build.labels(version("reelsight")).set(1)
        self._counts = {
            name: Counter(f"reelsight_{name}", text, ("operation",), registry=self._registry)
            for name, text in (
                ("successful_request_count", "SuccessfulRequestCount: requests answered with 200."),
                ("user_error_count", "UserErrorCount: requests refused because of the request."),
                ("detected_face_count", "DetectedFaceCount: faces in answers of operations on images."),
                ("detected_label_count", "DetectedLabelCount: labels in answers of operations on images."),
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

    def detect(self, operation: str, answer: object) -> None:
        """Adds the faces and labels of an answer to an operation on images; of others there are none."""
        if isinstance(answer, Mapping):
            for member, name in DETECTED.items():
                if found := answer.get(member):
                    self._counts[name].labels(operation).inc(len(found))

    def text(self) -> bytes:
        """Everything, for a scraper."""
        return generate_latest(self._registry)
