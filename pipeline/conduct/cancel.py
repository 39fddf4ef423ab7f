"""Cancelling, retrying and ranking jobs, as an operator does."""

from datetime import datetime

import structlog
from sqlalchemy import Connection

from pipeline.conduct.settle import end_job, settle_pass
from pipeline.jobs.types import OPEN_JOBS, Job, JobState
from pipeline.services import Services
from pipeline.store import jobs, passes
from pipeline.store.engine import writing
from pipeline.store.metadata import utcnow

log = structlog.get_logger()


def cancel(services: Services, job_id: str, now: datetime | None = None) -> Job | None:
    """The job as it is now: FAILED as "Cancelled …", unless it had ended before; None: no such job.

    Work that no other job needs stops at the next report of its worker.
    """
    now = now or utcnow()
    reason = f"Cancelled at {now.isoformat(timespec='seconds')} by the operator."
    job = _ended(services, job_id, reason, now)
    # Between reading a job and ending it, planning may have put it into a pass: then look again.
    while job is not None and job.state in OPEN_JOBS:
        job = _ended(services, job_id, reason, now)
    services.queue.wake_delivery()
    return job


def _ended(services: Services, job_id: str, reason: str, now: datetime) -> Job | None:
    """The job after a try to end it."""
    ready = False
    with writing(services.engine) as connection:
        job = _locked(connection, job_id)
        if job is not None and end_job(services, connection, job, JobState.FAILED, now, status_message=reason):
            ready = job.pass_id is not None and settle_pass(services, connection, job.pass_id, now)
        after = jobs.find(connection, job_id)
    if ready:
        services.queue.wake_finish()
    return after


def retry(services: Services, job_id: str, now: datetime | None = None) -> Job | None:
    """The job as it is now: QUEUED again if it had FAILED; None: no such job."""
    fresh = {"pass_id": None, "status_message": None, "started_at": None, "finished_at": None, "expires_at": None}
    with writing(services.engine) as connection:
        job = _locked(connection, job_id)
        moved = job is not None and job.state is JobState.FAILED
        if job is not None and moved:
            # A new attempt even if the last one never reached a pass: the end of each is announced.
            values = {**fresh, "created_at": now or utcnow(), "attempt": job.attempt + 1}
            jobs.move(connection, job, JobState.QUEUED, **values)
        after = jobs.find(connection, job_id)
    if moved:
        log.info("job_retried", job_id=job_id)
        services.queue.wake_plan(services.settings.linger_s)
    return after


def prioritize(services: Services, job_id: str, priority: int) -> Job | None:
    """The job as it is now, before or behind others of its account unless it has ended; None: no such job.

    A pass goes by the most urgent of its open jobs; chunks that workers have begun are not interrupted.
    """
    with writing(services.engine) as connection:
        pass_id = jobs.rank(connection, job_id, priority)
    # Another transaction: who holds a job must not wait for a pass. One that is made meanwhile sees the job as it is now.
    with writing(services.engine) as connection:
        if pass_id is not None:
            passes.lock(connection, pass_id)
            wanted = jobs.of_pass(connection, pass_id)
            passes.rank(connection, pass_id, max((job.priority for job in wanted), default=priority))
        return jobs.find(connection, job_id)


def _locked(connection: Connection, job_id: str) -> Job | None:
    """The job, whose pass nobody else changes until the transaction ends."""
    job = jobs.find(connection, job_id)
    if job is not None and job.pass_id is not None:
        passes.lock(connection, job.pass_id)
        job = jobs.find(connection, job_id)
    return job
