"""Get*: what a job shows in each state, and its pages, on both databases."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pipeline.aggregate.types import Record
from pipeline.catalog import OPERATIONS, Operation
from pipeline.conduct.answer import Answer, answer
from pipeline.errors import RequestError
from pipeline.jobs.types import Job, JobState, VideoRef
from pipeline.results.writer import write
from pipeline.services import Services
from pipeline.store import jobs
from pipeline.store.engine import writing
from pipeline.store.metadata import utcnow
from tests.support.databases import database_url, engine, postgres_server
from tests.support.jobs_installation import ACCOUNT, queue, services

__all__ = ["database_url", "engine", "postgres_server", "queue", "services"]

LABELS, FACES, SEGMENTS = (OPERATIONS[name] for name in ("LabelDetection", "FaceDetection", "SegmentDetection"))
NOW = utcnow()
METADATA = {"Codec": "h264", "DurationMillis": 1000}
JOB = Job(
    "j" * 64, ACCOUNT, "LabelDetection", {}, VideoRef("b", "n", None, "e", 1), JobState.QUEUED, NOW, job_tag="tag"
)


def _add(services: Services, job: Job, records: int = 0) -> None:
    operation = OPERATIONS[job.operation]
    items = [
        Record({"Timestamp": n}, n, f"{n % 3}", n % 7, 0, view) for n in range(records) for view in operation.aggregates
    ]
    results = write(items, operation.orders, operation.aggregates, services.work, f"results/{job.id}/")
    with writing(services.engine) as connection:
        jobs.add(connection, job)
        if job.state is JobState.SUCCEEDED:
            jobs.add_results(connection, job.id, results)


def _done(operation: Operation = LABELS) -> Job:
    facts = {"video_metadata": METADATA, "summary": {"LabelModelVersion": "1"}, "finished_at": NOW}
    return replace(JOB, operation=operation.name, state=JobState.SUCCEEDED, expires_at=NOW + timedelta(days=7), **facts)


def _get(services: Services, operation: Operation = LABELS, account: str = ACCOUNT, **members: Any) -> Answer:
    return answer(services, account, operation, {"JobId": JOB.id, **members}, NOW)


def _refusal(services: Services, *arguments: Any, **members: Any) -> str:
    with pytest.raises(RequestError) as caught:
        _get(services, *arguments, **members)
    return caught.value.code


def _items(page: Answer) -> list[int]:
    return [item["Timestamp"] for item in json.loads(b"[" + page.items + b"]")]


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING])
def test_an_open_job_shows_no_results(services: Services, state: JobState) -> None:
    _add(services, replace(JOB, state=state, video_metadata=METADATA))
    video = {"S3Object": {"Bucket": "b", "Name": "n"}}
    members = {"JobId": JOB.id, "JobStatus": "IN_PROGRESS", "Video": video, "JobTag": "tag"}
    assert _get(services) == Answer(members, "Labels", b"")


def test_a_failed_job_says_why(services: Services) -> None:
    _add(services, replace(JOB, state=JobState.FAILED, status_message="It is no video.", video_metadata=METADATA))
    page = _get(services)
    assert (page.members["JobStatus"], page.members["StatusMessage"], page.items) == ("FAILED", "It is no video.", b"")
    assert "VideoMetadata" not in page.members


def test_every_page_carries_the_metadata_and_the_summary(services: Services) -> None:
    _add(services, _done(), 5)
    first = _get(services, MaxResults=3)
    second = _get(services, MaxResults=3, NextToken=first.members["NextToken"])
    for page in (first, second):
        assert page.members["VideoMetadata"] == METADATA
        assert page.members["LabelModelVersion"] == "1"
        assert page.members["GetRequestMetadata"] == {"SortBy": "TIMESTAMP", "AggregateBy": "TIMESTAMPS"}
    assert "NextToken" not in second.members
    assert _items(first) + _items(second) == [0, 1, 2, 3, 4]


def test_segments_wrap_the_metadata_in_a_list(services: Services) -> None:
    _add(services, _done(SEGMENTS))
    page = _get(services, SEGMENTS)
    assert page.members["VideoMetadata"] == [METADATA]
    assert page.items_key == "Segments"
    assert "GetRequestMetadata" not in page.members


@pytest.mark.parametrize("count", [7, 1000, 5000, None])
def test_pages_of_any_size_concatenate(services: Services, count: int | None) -> None:
    _add(services, _done(), 1207)
    asked = {} if count is None else {"MaxResults": count}
    pages = [_get(services, **asked)]
    while "NextToken" in pages[-1].members:
        assert len(pages[-1].members["NextToken"]) <= 255
        pages.append(_get(services, **asked, NextToken=pages[-1].members["NextToken"]))
    assert [n for page in pages for n in _items(page)] == list(range(1207))
    assert len(pages) == -(-1207 // min(count or 1000, 1000))


def test_order_and_aggregation_are_chosen(services: Services) -> None:
    _add(services, _done(), 6)
    page = _get(services, SortBy="NAME", AggregateBy="SEGMENTS")
    assert _items(page) == [3, 0, 4, 1, 5, 2]
    assert page.members["GetRequestMetadata"] == {"SortBy": "NAME", "AggregateBy": "SEGMENTS"}


def test_a_token_is_bound_to_its_list(services: Services) -> None:
    _add(services, _done(), 6)
    token = _get(services, MaxResults=2).members["NextToken"]
    assert _refusal(services, NextToken=token, SortBy="NAME") == "InvalidPaginationTokenException"
    assert _refusal(services, NextToken=token, AggregateBy="SEGMENTS") == "InvalidPaginationTokenException"
    assert _refusal(services, NextToken="x" + token) == "InvalidPaginationTokenException"


def test_what_is_not_yours_does_not_exist(services: Services) -> None:
    _add(services, _done(), 1)
    assert _refusal(services, FACES) == "ResourceNotFoundException"
    assert _refusal(services, LABELS, "4" * 12) == "ResourceNotFoundException"
    assert _refusal(services, JobId="unknown") == "ResourceNotFoundException"


def test_an_expired_job_does_not_exist(services: Services) -> None:
    _add(services, replace(_done(), expires_at=NOW), 1)
    assert _refusal(services) == "ResourceNotFoundException"


def test_an_order_that_the_operation_lacks_is_refused(services: Services) -> None:
    _add(services, _done(FACES), 1)
    assert _refusal(services, FACES, SortBy="NAME") == "InvalidParameterException"
