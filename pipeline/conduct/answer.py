"""Get*: one page of a job's results, as bytes that are spliced into the answer without being parsed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.catalog import Operation
from pipeline.errors import RequestError
from pipeline.jobs.types import Job, JobState
from pipeline.results.reader import page
from pipeline.services import Services
from pipeline.store import jobs
from pipeline.store.engine import asking
from pipeline.store.jobs import ResultSet
from pipeline.store.metadata import utcnow

MAX_RESULTS = 1000
OFFSET_BYTES, ROW_OFFSETS = 40, 50
"""What a number takes in memory, in its list; and of how many the rest of a row takes as much."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer in two parts.

    Attributes:
        members: All members but the items.
        items_key: The member that lists the items.
        items: The items as JSON texts joined by commas; empty: no items.
    """

    members: dict[str, Any]
    items_key: str
    items: bytes


@dataclass(frozen=True, slots=True)
class _View:
    """What the caller wants to see of a job."""

    sort_by: str
    aggregate: str
    count: int
    token: str | None


def answer(
    services: Services, account: str, operation: Operation, request: Mapping[str, Any], now: datetime | None = None
) -> Answer:
    """The answer of a Get call.

    Raises:
        RequestError: the account has no such job of this operation, or the page token is not valid for it.
    """
    now = now or utcnow()
    job = _job(services, account, operation, request["JobId"], now)
    view = _view(operation, request)
    members = _common(job)
    if job.state is not JobState.SUCCEEDED:
        return Answer(members, operation.result_key, b"")
    metadata = dict(job.video_metadata or {})
    members |= {"VideoMetadata": [metadata] if operation.metadata_is_list else metadata, **job.summary}
    if operation.echoes_request:
        members["GetRequestMetadata"] = {"SortBy": view.sort_by, "AggregateBy": view.aggregate}
    token, items = _page(services, job, view, now)
    if token is not None:
        members["NextToken"] = token
    return Answer(members, operation.result_key, items)


def _job(services: Services, account: str, operation: Operation, job_id: str, now: datetime) -> Job:
    with asking(services.engine) as connection:
        job = jobs.find(connection, job_id)
    mine = job is not None and job.account == account and job.operation == operation.name
    if job is None or not mine or (job.expires_at is not None and job.expires_at <= now):
        raise RequestError("ResourceNotFoundException", f"Could not find JobId {job_id}")
    return job


def _common(job: Job) -> dict[str, Any]:
    members: dict[str, Any] = {"JobId": job.id, "JobStatus": job.state.wire, "Video": job.video.wire}
    if job.job_tag is not None:
        members["JobTag"] = job.job_tag
    if job.status_message is not None:
        members["StatusMessage"] = job.status_message
    return members


def _view(operation: Operation, request: Mapping[str, Any]) -> _View:
    sort_by = request.get("SortBy") or next(iter(operation.orders))
    aggregate = request.get("AggregateBy") or operation.aggregates[0]
    if sort_by not in operation.orders or aggregate not in operation.aggregates:
        raise RequestError("InvalidParameterException", f"{operation.get} cannot show {sort_by} by {aggregate}.")
    count = min(int(request.get("MaxResults") or MAX_RESULTS), MAX_RESULTS)
    return _View(sort_by, aggregate, count, request.get("NextToken"))


def _page(services: Services, job: Job, view: _View, now: datetime) -> tuple[str | None, bytes]:
    context = (job.account, job.id, str(job.attempt), view.sort_by, view.aggregate)
    offset = 0 if view.token is None else services.tokens.read(view.token, context, now)
    results = _results(services, job, view)
    end = offset + view.count
    token = services.tokens.make(context, end, now) if end < results.items else None
    return token, page(services.work, results, offset, view.count, services.lately)


def _results(services: Services, job: Job, view: _View) -> ResultSet:
    """Where the items are; asked for once, for what an attempt has found never changes."""
    key = (job.id, job.attempt, view.sort_by, view.aggregate)
    known: ResultSet | None = services.lately.find(key)
    if known is not None:
        return known
    with asking(services.engine) as connection:
        results = jobs.find_results(connection, job.id, view.sort_by, view.aggregate)
    if results is None:
        raise RequestError("ResourceNotFoundException", f"Could not find JobId {job.id}")
    services.lately.keep(key, results, OFFSET_BYTES * (ROW_OFFSETS + len(results.offsets)))
    return results
