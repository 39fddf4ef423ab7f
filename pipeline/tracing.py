"""Traces of jobs through all processes, sent by OpenTelemetry where somebody asked for it; elsewhere nothing is imported.

The trace of a job is named by the job's id, so that whoever works on a job, after whatever restart, adds to the same trace without
anything having been handed over: the first half of the id is the trace, the next quarter the span of its Start call.
"""

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property
from threading import local
from typing import TYPE_CHECKING, Any

import structlog

from pipeline.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""Source: OpenTelemetry specification, "OTLP Exporter Configuration"; `OTEL_…` variables for headers and the like hold too."""
DELAY_MS = 1000
"""Spans of a process that is killed are lost if they are younger."""
ID_CHARACTERS = 48

log = structlog.get_logger()


class Traces:
    """Adds spans to the traces of jobs; does nothing where nobody asked for traces. Make it after forking.

    Args:
        settings: May say where traces go.
    """

    def __init__(self, settings: Settings) -> None:
        self._endpoint = settings.otlp_endpoint
        self.wanted = bool(self._endpoint or any(os.environ.get(name) for name in VARIABLES))

    def add(self, name: str, job_ids: Iterable[str], began: float, *, root: bool = False, **attributes: Any) -> None:
        """Adds a span that ends now to the trace of each of these jobs; never fails.

        Args:
            name: What was done.
            job_ids: For which jobs.
            began: When, in seconds since the epoch.
            root: Whether this is the request that made the job.
            attributes: Facts about it; None: not known. No secrets.
        """
        if not self.wanted:
            return
        try:
            for job_id in job_ids:
                self._add(name, job_id, began, root, attributes)
        except Exception as error:  # the extra is not installed, or a variable is wrong: work goes on
            log.warning("traces_not_written", reason=f"{type(error).__name__}: {error}")
            self.wanted = False

    def _add(self, name: str, job_id: str, began: float, root: bool, attributes: dict[str, Any]) -> None:
        from opentelemetry import trace

        if len(job_id) < ID_CHARACTERS:
            return
        trace_id, span_id = int(job_id[:32], 16), int(job_id[32:ID_CHARACTERS], 16)
        request = trace.SpanContext(trace_id, span_id, is_remote=True, trace_flags=trace.TraceFlags(1))
        context = None if root else trace.set_span_in_context(trace.NonRecordingSpan(request))
        known = {key: value for key, value in attributes.items() if value is not None}
        self._ids.given = (trace_id, span_id) if root else None
        span = self._tracer.start_span(
            name,
            context,
            trace.SpanKind.SERVER if root else trace.SpanKind.INTERNAL,
            {"reelsight.job_id": job_id, **{f"reelsight.{key}": value for key, value in known.items()}},
            start_time=int(began * 1e9),
        )
        self._ids.given = None
        span.end(max(time.time_ns(), int(began * 1e9)))

    @cached_property
    def _ids(self) -> Any:
        """What the span that this thread makes next is called."""
        return local()

    @cached_property
    def _tracer(self) -> "Tracer":
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

        mine = self._ids

        class Ids(RandomIdGenerator):
            """Ids of our own for the requests that make jobs."""

            def generate_span_id(self) -> int:
                """That of the span."""
                given = getattr(mine, "given", None)
                return given[1] if given else super().generate_span_id()

            def generate_trace_id(self) -> int:
                """That of the trace."""
                given = getattr(mine, "given", None)
                return given[0] if given else super().generate_trace_id()

        where = f"{self._endpoint.rstrip('/')}/v1/traces" if self._endpoint else None
        resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "reelsight")})
        self._provider = TracerProvider(resource=resource, id_generator=Ids())
        self._provider.add_span_processor(
            BatchSpanProcessor(OTLPSpanExporter(endpoint=where), schedule_delay_millis=DELAY_MS)
        )
        return self._provider.get_tracer("reelsight")

    def close(self) -> None:
        """Sends what is left."""
        with suppress(AttributeError):
            self._provider.shutdown()
