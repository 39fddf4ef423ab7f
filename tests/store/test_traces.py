"""One trace per job, told by processes that have handed each other nothing; none, and nothing imported, where nobody asked."""

import gzip
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from pipeline.settings import Settings
from pipeline.tracing import Traces

JOB = "0123456789abcdef0123456789abcdef" + "00112233aabbccdd" + "0" * 16
OTHER = "f" * 64


class Receiver(HTTPServer):
    """Takes spans over OTLP/HTTP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[Any] = []
        self.headers: list[str | None] = []


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        request = ExportTraceServiceRequest.FromString(body)
        self.server.headers.append(self.headers.get("Authorization"))
        self.server.spans += [s for r in request.resource_spans for scope in r.scope_spans for s in scope.spans]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_what_two_processes_tell_of_a_job_is_one_trace(receiver: Receiver) -> None:
    settings = Settings(otlp_endpoint=f"http://127.0.0.1:{receiver.server_port}/")
    api, worker = Traces(settings), Traces(settings)
    began = time.time() - 1
    api.add("StartLabelDetection", [JOB], began, root=True, account="0" * 12)
    worker.add("analyze_chunk", [JOB, OTHER], began, chunk="0-10", frames=10, chunks=None)
    api.close()
    worker.close()
    mine = {span.name: span for span in receiver.spans if span.trace_id.hex() == JOB[:32]}
    assert set(mine) == {"StartLabelDetection", "analyze_chunk"}
    root, chunk = mine["StartLabelDetection"], mine["analyze_chunk"]
    assert (root.span_id.hex(), root.parent_span_id) == (JOB[32:48], b"")
    assert chunk.parent_span_id == root.span_id
    told = {one.key: one.value.string_value or one.value.int_value for one in chunk.attributes}
    assert told == {"reelsight.job_id": JOB, "reelsight.chunk": "0-10", "reelsight.frames": 10}
    assert 1e9 <= chunk.end_time_unix_nano - chunk.start_time_unix_nano < 60e9
    assert len(receiver.spans) == 3
    assert {span.span_id for span in receiver.spans} != {root.span_id}


def test_the_standard_variables_hold(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{receiver.server_port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20token")
    traces = Traces(Settings())
    traces.add("plan", [JOB], time.time())
    traces.close()
    assert [span.name for span in receiver.spans] == ["plan"]
    assert receiver.headers == ["Bearer token"]


@pytest.mark.parametrize("job", ["", "short", "z" * 64])
def test_whatever_is_wrong_work_goes_on(receiver: Receiver, job: str) -> None:
    traces = Traces(Settings(otlp_endpoint=f"http://127.0.0.1:{receiver.server_port}"))
    traces.add("plan", [job], time.time())
    traces.close()
    assert receiver.spans == []


def test_nothing_is_imported_where_nobody_asked() -> None:
    code = """
import sys, time
import workers.tasks, api.app
from pipeline.tracing import Traces
from pipeline.settings import Settings
traces = Traces(Settings())
traces.add("plan", ["0" * 64], time.time())
traces.close()
print([name for name in sys.modules if name.startswith(("opentelemetry.sdk.trace", "opentelemetry.exporter"))])
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
