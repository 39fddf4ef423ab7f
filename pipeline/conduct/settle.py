"""What follows when jobs end or chunks are settled, in whichever way: notification, cancelled work, the next wake-up."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection

from pipeline.counts import Counts
from pipeline.jobs.types import Job, JobState, PassState
from pipeline.notify.message import completion
from pipeline.services import Services
from pipeline.store import jobs, passes
from pipeline.store.engine import afterwards

log = structlog.get_logger()


def end_job(
    services: Services, connection: Connection, job: Job, target: JobState, now: datetime, **values: Any
) -> bool:
    """Whether the job reached `target`, SUCCEEDED or FAILED, by this call; its notification is then in the outbox."""
    expiry = now + services.settings.retention
    if not jobs.move(connection, job, target, finished_at=now, expires_at=expiry, **values):
        return False
    ended = jobs.find(connection, job.id)
    assert ended is not None
    if ended.topic_arn is not None:
        services.outbox.add(
            connection, ended.account, ended.topic_arn, completion(ended), now, dedupe_key=_event(ended)
        )
    # The figures lie elsewhere: nobody who wants to write waits for them, and what is rolled back is not counted.
    afterwards(connection, partial(_count, services.counts, ended, now))
    return True


def _count(counts: Counts, ended: Job, now: datetime) -> None:
    counts.add("jobs_ended", operation=ended.operation, state=ended.state.value)
    counts.observe("job_seconds", (now - ended.created_at).total_seconds(), state=ended.state.value)
    log.info(
        "job_ended", job_id=ended.id, operation=ended.operation, state=ended.state.value, reason=ended.status_message
    )


def fail_jobs(services: Services, connection: Connection, ended: Iterable[Job], reason: str, now: datetime) -> None:
    """Ends these jobs as FAILED; `reason` says what the user can do."""
    for job in ended:
        end_job(services, connection, job, JobState.FAILED, now, status_message=reason)


def settle_pass(services: Services, connection: Connection, pass_id: str, now: datetime) -> bool:
    """Whether the pass can be finished now; cancels the work that no open job needs, all of it when none is left."""
    wanted = jobs.of_pass(connection, pass_id)
    needed = {job.operation for job in wanted}
    passes.cancel_chunks(connection, pass_id, needed)
    if not needed:
        passes.close(connection, pass_id, now + timedelta(seconds=services.settings.lease_s))
        return False
    passes.rank(connection, pass_id, max(job.priority for job in wanted))
    left = passes.recount(connection, pass_id, now)
    pass_ = passes.find(connection, pass_id)
    return pass_ is not None and pass_.state is PassState.RUNNING and left == 0


def _event(job: Job) -> str:
    """Names the end of this attempt: it is announced once, another after a retry once more."""
    return f"{job.id}:{job.attempt}:{job.state.value}"
