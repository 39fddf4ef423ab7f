"""The end of a pass: aggregators run over all detections in time order, results and notifications appear at once."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection

from pipeline import analyses
from pipeline.aggregate.feed import feed
from pipeline.catalog import OPERATIONS
from pipeline.conduct.facts import index_key, media_of, results_prefix, unpack_index
from pipeline.conduct.lease import Heartbeat
from pipeline.conduct.reason import told
from pipeline.conduct.settle import end_job, fail_jobs, settle_pass
from pipeline.conduct.turn import Report, rested, taken
from pipeline.detect.columns import Packed
from pipeline.errors import JobFailed, LeaseLost
from pipeline.faces.galleries import galleries
from pipeline.jobs.types import Chunk, ChunkState, Job, JobState, Pass, PassState
from pipeline.media.types import FrameIndex, MediaInfo
from pipeline.objects.types import Bucket
from pipeline.patience import Patience
from pipeline.results.writer import write
from pipeline.services import Services
from pipeline.store import jobs, passes, turns
from pipeline.store.engine import reading, writing
from pipeline.store.jobs import ResultSet
from pipeline.store.metadata import utcnow
from pipeline.store.turns import Work

VANISHED = "The results could not be put together: the process that did died every time."

log = structlog.get_logger()


def finish_pass(services: Services, worker: str) -> Report | None:
    """What became of the pass whose turn it was, done if it is over now; None: no pass waits for its end."""
    pass_ = taken(services, Work.FINISH, partial(_claim, services, worker))
    if pass_ is None:
        return None
    with reading(services.engine) as connection:
        ids = [job.id for job in jobs.of_pass(connection, pass_.id)]
    return Report(pass_.id, ids, _ended(services, pass_))


def finish_in_slot(services: Services, worker: str, slot: AbstractContextManager[bool]) -> Report | None:
    """The same, if `slot` says that there is one for this worker; asks for another call while more wait, even if this one found nothing.

    A wake-up that found no slot is dropped, and may have been for a pass that came too late for those that have the slots: one of
    them asks for it. That ends as soon as nothing waits, which is asked for as the next call will look for it.
    """
    with slot as free:
        report = finish_pass(services, worker) if free else None
    if free and _finishable(services):
        services.queue.wake_finish()
    return report


def _finishable(services: Services) -> bool:
    """Whether a pass waits for its end."""
    with reading(services.engine) as connection:
        return turns.more(connection, Work.FINISH, utcnow())


def _claim(services: Services, worker: str, connection: Connection, pass_: Pass) -> tuple[Pass, float] | None:
    """The pass, leased; it is charged by the length of its video."""
    now, lease = utcnow(), timedelta(seconds=services.settings.lease_s)
    claimed = passes.claim(connection, pass_.id, PassState.RUNNING, worker, now, now + lease)
    return None if claimed is None else (claimed, 1.0 + (claimed.media or {}).get("duration_ms", 0))


def _ended(services: Services, pass_: Pass) -> bool:
    """Whether the pass is over."""
    lease = timedelta(seconds=services.settings.lease_s)
    if pass_.attempt > 2 * services.settings.max_attempts:
        return _give_up(services, pass_, VANISHED)

    def renew() -> bool:
        with writing(services.engine) as connection:
            return passes.renew(connection, pass_, utcnow() + lease)

    try:
        with Heartbeat(renew, services.settings.lease_s / 4) as heartbeat:
            _finish(services, pass_, heartbeat)
    except LeaseLost:
        log.info("finish_dropped", pass_id=pass_.id)
        return False
    except Exception as error:
        # What all jobs need cannot be read; the sweeper wakes the pass again.
        log.exception("finish_failed", pass_id=pass_.id, attempt=pass_.attempt)
        if pass_.attempt > services.settings.max_attempts:
            return _give_up(services, pass_, f"The results could not be put together: {told(error)}")
    except BaseException:  # the worker is being stopped
        with writing(services.engine) as connection:
            passes.release(connection, pass_)
        services.queue.wake_finish()
        raise
    return _close(services, pass_)


def _finish(services: Services, pass_: Pass, heartbeat: Heartbeat) -> None:
    with reading(services.engine) as connection:
        open_jobs, chunks = jobs.of_pass(connection, pass_.id), passes.chunks_of(connection, pass_.id)
    # One for all: a store that is away must not keep other passes waiting as many times as this one has jobs.
    patience = Patience(services.settings.patience_s)
    packed = patience.wait_out(lambda: services.work.read(index_key(pass_.id)), "frame index")
    media, index = media_of(pass_.media or {}), unpack_index(packed)
    for job in open_jobs:
        heartbeat.check()
        try:
            _finish_job(services, pass_, job, chunks, media, index, patience)
        except JobFailed as error:
            _fail(services, pass_, job, str(error))
        except LeaseLost:
            raise
        except Exception as error:
            # The other jobs must not suffer; this one stays open, and the sweeper wakes the pass again.
            log.exception("job_not_finished", job_id=job.id, attempt=pass_.attempt)
            if pass_.attempt > services.settings.max_attempts:
                analysis = OPERATIONS[job.operation].analysis
                _fail(
                    services,
                    pass_,
                    job,
                    f"The {analysis} results could not be put together: {told(error)}",
                )


def _finish_job(
    services: Services,
    pass_: Pass,
    job: Job,
    chunks: Sequence[Chunk],
    media: MediaInfo,
    index: FrameIndex,
    patience: Patience,
) -> None:
    def put_together() -> tuple[list[ResultSet], dict[str, Any]]:
        return _put_together(services, pass_, job, chunks, media, index)

    results, summary = patience.wait_out(put_together, "results")
    now = utcnow()
    with writing(services.engine) as connection:
        passes.lock(connection, pass_.id)
        if not passes.renew(connection, pass_, now + timedelta(seconds=services.settings.lease_s)):
            raise LeaseLost
        if end_job(services, connection, job, JobState.SUCCEEDED, now, summary=summary, status_message=None):
            jobs.add_results(connection, job.id, results)
    services.queue.wake_delivery()


def _put_together(
    services: Services, pass_: Pass, job: Job, chunks: Sequence[Chunk], media: MediaInfo, index: FrameIndex
) -> tuple[list[ResultSet], dict[str, Any]]:
    """The results of a job, kept in the work store, and the summary that goes with them."""
    operation = OPERATIONS[job.operation]
    aggregator = analyses.load(job.operation).aggregator(job.parameters, media, index, galleries(services, job.account))
    found = {
        stage: _detections(services.work, places)
        for stage, places in _places(job.operation, chunks, len(index.pts)).items()
    }
    records = feed(aggregator, index, media, found)
    prefix = f"{results_prefix(job.id)}{job.attempt}-{pass_.attempt}/"
    results = write(records, operation.orders, operation.aggregates, services.work, prefix)
    return results, dict(aggregator.summary())


def _places(operation: str, chunks: Sequence[Chunk], frame_count: int) -> dict[str, list[str]]:
    """Stage -> where its detections are, in the order of the video.

    Raises:
        JobFailed: a stretch is missing.
    """
    places: dict[str, list[str]] = defaultdict(list)
    reached = 0
    for chunk in chunks:
        if chunk.state is ChunkState.DONE and operation in chunk.found and chunk.start == reached:
            reached = chunk.stop
            for stage, place in chunk.found[operation].items():
                places[stage].append(place)
    if reached != frame_count:
        raise JobFailed(f"The analysis of the video is incomplete from frame {reached} on; start the job again.")
    return places


def _detections(work: Bucket, places: Sequence[str]) -> Packed:
    """The detections of a stage, one chunk in memory at a time."""
    return Packed(map(work.read, places))


def _fail(services: Services, pass_: Pass, job: Job, reason: str) -> None:
    now = utcnow()
    with writing(services.engine) as connection:
        passes.lock(connection, pass_.id)
        if not passes.renew(connection, pass_, now + timedelta(seconds=services.settings.lease_s)):
            raise LeaseLost
        fail_jobs(services, connection, [job], reason, now)
    services.queue.wake_delivery()


def _give_up(services: Services, pass_: Pass, reason: str) -> bool:
    """Fails what is left of a pass that cannot be finished."""
    with reading(services.engine) as connection:
        open_jobs = jobs.of_pass(connection, pass_.id)
    for job in open_jobs:
        _fail(services, pass_, job, reason)
    return _close(services, pass_)


def _close(services: Services, pass_: Pass) -> bool:
    """Ends the pass when no job is open; otherwise gives it back for another try."""
    now = utcnow()
    with writing(services.engine) as connection:
        passes.lock(connection, pass_.id)
        settle_pass(services, connection, pass_.id, now)
        passes.release(connection, pass_, rests_until=rested(services.settings, now))
        ended = passes.find(connection, pass_.id)
    over = ended is not None and ended.state is PassState.DONE
    log.info("pass_finished" if over else "pass_put_off", pass_id=pass_.id)
    return over
