"""What requests cost, counted rather than timed: statements and transactions of a Start and a Get call, bytes read for a page."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from sqlalchemy import Engine, event, update

from api.dispatch import Dispatcher
from api.metrics import Metrics
from api.protocol.canonical import SignedRequest
from pipeline.aggregate.types import Record
from pipeline.catalog import OPERATIONS
from pipeline.jobs.types import Job, JobState, VideoRef
from pipeline.objects.directory import DirectoryStore
from pipeline.objects.types import Bucket
from pipeline.results.lately import Lately
from pipeline.results.reader import FRAME_ITEMS, page
from pipeline.results.writer import write
from pipeline.services import Services
from pipeline.store import jobs
from pipeline.store.engine import writing
from pipeline.store.metadata import utcnow
from pipeline.store.schema import jobs as jobs_table
from tests.support.databases import database_url, engine, postgres_server
from tests.support.jobs_installation import ACCOUNT, queue, services

__all__ = ["database_url", "engine", "postgres_server", "queue", "services"]

Call = Callable[..., dict[str, Any]]
URL = "http://localhost/"


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """The statements that the engine is asked for inside the `with` block, those that only begin a transaction left out."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, text: str, *_: Any) -> None:
        if not text.startswith("BEGIN"):
            seen.append(text)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


@pytest.fixture
def call(services: Services) -> Call:
    """Calls an operation over the wire's own form, signature and all."""
    key = services.keys.create(ACCOUNT)
    dispatcher = Dispatcher(services, Metrics(services))

    def ask(operation: str, **members: Any) -> dict[str, Any]:
        body = json.dumps(members).encode()
        headers = {
            "X-Amz-Target": f"RekognitionService.{operation}",
            "Content-Type": "application/x-amz-json-1.1",
            "Host": "localhost",
        }
        request = AWSRequest("POST", URL, headers, body)
        SigV4Auth(Credentials(key.id, key.secret), "rekognition", "us-east-1").add_auth(request)
        signed = [(name.lower(), value) for name, value in request.headers.items()]
        answer = dispatcher.serve(SignedRequest("POST", "/", "", signed, body))
        told: dict[str, Any] = json.loads(bytes(answer.body))
        assert answer.status_code == 200, told
        return told

    return ask


def _clip(services: Services) -> dict[str, Any]:
    services.objects.put("videos", "clip.mp4", b"pictures")
    return {"S3Object": {"Bucket": "videos", "Name": "clip.mp4"}}


def _finished(services: Services, records: int) -> str:
    """A finished job of so many items."""
    operation, now = OPERATIONS["TextDetection"], utcnow()
    items = (Record({"Timestamp": number}, number) for number in range(records))
    made = write(items, operation.orders, operation.aggregates, services.work, "results/j/1-1/")
    video = VideoRef("videos", "clip.mp4", None, "e", 1)
    job = Job("a" * 64, ACCOUNT, operation.name, {}, video, JobState.SUCCEEDED, now, expires_at=now + timedelta(days=1))
    with writing(services.engine) as connection:
        jobs.add(connection, job)
        jobs.add_results(connection, job.id, made)
    return job.id


def test_a_start_call_asks_the_database_for_the_key_and_writes_the_job(services: Services, call: Call) -> None:
    video = _clip(services)
    with counted(services.engine) as seen:
        call("StartTextDetection", Video=video)
    assert len(seen) == 2, seen
    with counted(services.engine) as seen:
        call("StartTextDetection", Video=video, ClientRequestToken="once")
    assert len(seen) == 4, "the job of the token is looked for, and a token that is too old freed"


def test_a_start_call_without_token_touches_no_other_job(services: Services, call: Call) -> None:
    video = _clip(services)
    with counted(services.engine) as seen:
        call("StartTextDetection", Video=video)
    assert not [text for text in seen if text.startswith("UPDATE")]


def test_pages_ask_the_database_for_the_key_and_the_job_and_once_where_its_items_are(
    services: Services, call: Call
) -> None:
    job = _finished(services, 50)
    with counted(services.engine) as first:
        page_1 = call("GetTextDetection", JobId=job, MaxResults=10)
    with counted(services.engine) as later:
        page_2 = call("GetTextDetection", JobId=job, MaxResults=10, NextToken=page_1["NextToken"])
    assert (len(first), len(later)) == (3, 2), later
    assert [item["Timestamp"] for item in page_2["TextDetections"]] == list(range(10, 20))


def test_a_job_that_is_done_anew_shows_its_new_items(services: Services, call: Call) -> None:
    job = _finished(services, 3)
    assert len(call("GetTextDetection", JobId=job)["TextDetections"]) == 3
    operation = OPERATIONS["TextDetection"]
    made = write([Record({"Timestamp": 7}, 7)], operation.orders, operation.aggregates, services.work, "results/j/2-1/")
    with writing(services.engine) as connection:
        connection.execute(update(jobs_table).values(attempt=2))
        jobs.add_results(connection, job, made)
    assert call("GetTextDetection", JobId=job)["TextDetections"] == [{"Timestamp": 7}]


class CountingStore(DirectoryStore):
    """Remembers what was read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.read_bytes: list[int] = []

    def read(self, bucket: str, key: str, start: int = 0, stop: int | None = None) -> bytes:
        raw = super().read(bucket, key, start, stop)
        self.read_bytes.append(len(raw))
        return raw


@pytest.mark.parametrize("size", [10, 100, 1000])
def test_a_page_reads_as_much_near_the_end_as_near_the_beginning(tmp_path: Path, size: int) -> None:
    store = CountingStore(tmp_path)
    work, items = Bucket(store, "work"), 20 * FRAME_ITEMS
    (results,) = write(
        (Record({"Timestamp": number, "Text": "word"}, number) for number in range(10_000, 10_000 + items)),
        {"TIMESTAMP": ("timestamp_ms",)},
        ("TIMESTAMPS",),
        work,
        "r/",
    )
    found = []
    for offset in (0, items - FRAME_ITEMS):
        store.read_bytes.clear()
        lately = Lately()
        pages = [page(work, results, offset + number, size, lately) for number in range(0, FRAME_ITEMS, size)]
        assert sum(len(json.loads(b"[" + one + b"]")) for one in pages) == FRAME_ITEMS
        assert len(store.read_bytes) == 1, "the pages of a frame share one reading"
        found.append(store.read_bytes[0])
    assert found[1] == pytest.approx(found[0], rel=0.1)
