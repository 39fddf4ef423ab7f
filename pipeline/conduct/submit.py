"""Start*: turns a validated request into a queued job, at most one per token."""

import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from pipeline.caller import wanted_priority
from pipeline.catalog import STEP, Operation
from pipeline.errors import RequestError
from pipeline.jobs.priority import NORMAL, asked_for
from pipeline.jobs.regions import check_regions
from pipeline.jobs.types import Job, JobState, VideoRef
from pipeline.labels.filters import check_filters
from pipeline.objects.requested import requested
from pipeline.objects.types import ObjectInfo
from pipeline.services import Services
from pipeline.store import collections, jobs
from pipeline.store.engine import asking, reading, writing
from pipeline.store.metadata import utcnow

TOKEN_LIFE = timedelta(days=7)
"""Source: Amazon Rekognition developer guide, "Calling Amazon Rekognition Video operations"."""

NOT_OWN = frozenset({"Video", "JobTag", "NotificationChannel", "ClientRequestToken"})

log = structlog.get_logger()


def submit(
    services: Services, account: str, operation: Operation, request: Mapping[str, Any], now: datetime | None = None
) -> dict[str, str]:
    """The answer of a Start call: the id of the new job, or of the one that its token names.

    Raises:
        RequestError: the token stands for another request, the video cannot be taken, the collection, the topic or
            what its filters name does not exist, or the account has as many open jobs as it may.
    """
    now = now or utcnow()
    check_regions((request.get("Filters") or {}).get("RegionsOfInterest") or (), "Filters.RegionsOfInterest")
    check_filters(request)
    priority = asked_for(wanted_priority.get(), services.settings.account_priorities.get(account, NORMAL))
    token, digest = request.get("ClientRequestToken"), request_hash(operation, request)
    known = _known(services, account, operation, token, digest, now)
    if known is not None:
        return {"JobId": known.id}
    video = _video(services, request["Video"])
    _check_collection(services, account, operation, request)
    topic = _topic(services, account, request)
    job = Job(
        id=secrets.token_hex(32),
        account=account,
        operation=operation.name,
        parameters=_parameters(services, operation, request),
        video=video,
        state=JobState.QUEUED,
        created_at=now,
        priority=priority,
        token=token,
        request_hash=digest,
        job_tag=request.get("JobTag"),
        topic_arn=topic,
    )
    return {"JobId": _added(services, operation, job, now).id}


def _parameters(services: Services, operation: Operation, request: Mapping[str, Any]) -> dict[str, Any]:
    """The operation's own members, and the step it is sampled with."""
    own = {name: value for name, value in request.items() if name not in NOT_OWN}
    step = services.settings.sampling_ms.get(operation.analysis)
    return own if step is None else own | {STEP: step}


def request_hash(operation: Operation, request: Mapping[str, Any]) -> str:
    """SHA-256 of the operation and the request without its token; the order of members does not matter."""
    asked = {name: value for name, value in request.items() if name != "ClientRequestToken"}
    text = json.dumps([operation.name, asked], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _added(services: Services, operation: Operation, job: Job, now: datetime) -> Job:
    """The job, kept; or the one that another submission with the same token has kept first."""
    try:
        with writing(services.engine) as connection:
            jobs.forget_token(connection, job, now - TOKEN_LIFE)
            _check_open(services, connection, job.account)
            jobs.add(connection, job)
    except (IntegrityError, RequestError):
        first = _known(services, job.account, operation, job.token, job.request_hash, now)
        if first is None:
            raise
        return first
    log.info("job_queued", job_id=job.id, operation=operation.name, account=job.account)
    services.traces.add(
        operation.start, [job.id], time.time(), root=True, account=job.account, operation=operation.name
    )
    services.queue.wake_plan(services.settings.linger_s)
    return job


def _check_open(services: Services, connection: Connection, account: str) -> None:
    """Nothing, if the account may have another open job; until the transaction ends, nobody else adds one."""
    limit = services.settings.max_open_jobs
    if limit is None:
        return
    jobs.lock_account(connection, account)
    number = jobs.count_open(connection, account)
    if number >= limit:
        user = f"arn:aws:iam::{account}:root"
        raise RequestError("LimitExceededException", f"{number} open Jobs for User {user} Maximum limit: {limit}")


def _known(
    services: Services, account: str, operation: Operation, token: str | None, digest: str, now: datetime
) -> Job | None:
    if token is None:
        return None
    with asking(services.engine) as connection:
        job = jobs.find_by_token(connection, account, operation.name, token)
    if job is None or job.created_at <= now - TOKEN_LIFE:
        return None
    if job.request_hash != digest:
        raise RequestError(
            "IdempotentParameterMismatchException",
            f"The ClientRequestToken: {token} you have supplied is already in use.",
        )
    return job


def _video(services: Services, video: Mapping[str, Any]) -> VideoRef:
    s3_object = video.get("S3Object", {})
    info = requested(services.objects, s3_object)
    _check_size(info, services.settings.max_video_bytes)
    return VideoRef(s3_object["Bucket"], s3_object["Name"], s3_object.get("Version"), info.etag, info.size_bytes)


def _check_size(info: ObjectInfo, limit: int) -> None:
    if info.size_bytes > limit:
        raise RequestError(
            "VideoTooLargeException",
            f"Video size in bytes: {info.size_bytes} is more than the maximum limit of: {limit} bytes.",
        )


def _check_collection(services: Services, account: str, operation: Operation, request: Mapping[str, Any]) -> None:
    if operation.collection:
        with reading(services.engine) as connection:
            collections.get(connection, account, request[operation.collection])


def _topic(services: Services, account: str, request: Mapping[str, Any]) -> str | None:
    channel = request.get("NotificationChannel")
    if channel is None:
        return None
    arn = str(channel["SNSTopicArn"])
    with reading(services.engine) as connection:
        known = services.topics.exists(connection, account, arn) or services.outbox.is_elsewhere(account, arn)
    if not known:
        raise RequestError(
            "InvalidParameterException",
            f"NotificationChannel.SNSTopicArn: the topic {arn} does not exist in account {account}.",
        )
    return arn
