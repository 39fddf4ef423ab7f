"""The sweeper: mends what processes that vanished, or a broker that lost its memory, left behind; harmless to repeat."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from pipeline.conduct.facts import pass_prefix, results_prefix
from pipeline.conduct.outcome import fail_operations, worn_out
from pipeline.conduct.settle import settle_pass
from pipeline.conduct.submit import TOKEN_LIFE
from pipeline.faces.files import prune
from pipeline.jobs.types import Chunk, ChunkState
from pipeline.notify import retention
from pipeline.notify.due import anything_due
from pipeline.services import Services
from pipeline.store import collections, jobs, leftovers, once, passes, sweeping, turns
from pipeline.store.engine import reading, writing
from pipeline.store.metadata import utcnow
from pipeline.store.turns import Work

WAKES = 1000
"""Messages that lie in the broker while chunks wait, at most, as far as the sweeper fills up: nobody has that many idle workers."""
FINISHES = 32
"""Wake-ups for passes repeated in one sweep, at most."""
BATCH = 500
FACES = 10_000
"""Faces of deleted collections that one transaction removes, and"""
FACE_BATCHES = 20
"""how many such transactions a sweep makes: the others who write want their turn."""
LOST = "the worker vanished: its process died, ran out of memory or time, or stopped answering"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep did.

    Attributes:
        leases: Chunks whose worker had vanished.
        wakes: Wake-ups sent again for chunks and passes.
        passes: Finished passes whose detections were deleted.
        jobs: Expired jobs that were deleted.
        face_batches: Times that faces of a deleted collection were removed.
    """

    leases: int
    wakes: int
    passes: int
    jobs: int
    face_batches: int


def sweep(services: Services, now: datetime | None = None) -> Swept:
    """Looks for everything that is due."""
    now = now or utcnow()
    leases = _expire_leases(services, now)
    wakes = _repeat_wakes(services, now)
    deleted = (_delete_passes(services, now), _delete_jobs(services, now), _delete_collections(services))
    swept = Swept(leases, wakes, *deleted)
    if any((swept.leases, *deleted)):
        log.info("swept", **asdict(swept))
    return swept


def _expire_leases(services: Services, now: datetime) -> int:
    with reading(services.engine) as connection:
        dead = sweeping.dead_chunks(connection, now, BATCH)
    return sum(_expired(services, chunk, now) for chunk in dead)


def _expired(services: Services, chunk: Chunk, now: datetime) -> bool:
    """Whether the chunk was taken from its worker; not if that has renewed its lease since, or another sweep was faster."""
    with writing(services.engine) as connection:
        passes.lock(connection, chunk.pass_id)
        if not sweeping.still_dead(connection, chunk, now):
            return False
        _bury(services, connection, chunk, now)
        settle_pass(services, connection, chunk.pass_id, now)
    services.counts.add("leases_expired")
    log.warning("lease_expired", pass_id=chunk.pass_id, chunk_id=chunk.id, attempt=chunk.attempt)
    return True


def _bury(services: Services, connection: Connection, chunk: Chunk, now: datetime) -> None:
    """Gives the chunk of a vanished worker to another; the second time analysis by analysis, at last to nobody."""
    lost = chunk.lost + 1
    operations = sorted({job.operation for job in jobs.of_pass(connection, chunk.pass_id)})
    if lost >= 2 and chunk.operation is None and len(operations) > 1:
        passes.settle_chunk(connection, chunk, ChunkState.SPLIT, lost=lost, error=LOST)
        # Two more tries each: one of them is poison, the others must not pay for it.
        attempt = max(0, services.settings.max_attempts - 2)
        for operation in operations:
            passes.add_chunk(connection, chunk.pass_id, chunk.start, chunk.stop, operation, attempt)
    elif chunk.attempt >= services.settings.max_attempts:
        passes.settle_chunk(connection, chunk, ChunkState.FAILED, lost=lost, error=LOST)
        wanted = None if chunk.operation is None else {chunk.operation}
        fail_operations(services, connection, chunk.pass_id, wanted, worn_out(chunk.operation, chunk, LOST), now)
    else:
        passes.settle_chunk(connection, chunk, ChunkState.QUEUED, lost=lost, error=LOST)


def _repeat_wakes(services: Services, now: datetime) -> int:
    before = now - timedelta(seconds=services.settings.lease_s / 2)
    with writing(services.engine) as connection:
        ready = len(sweeping.ready_passes(connection, before, now, FINISHES))
        due = anything_due(connection, now)
        plannable = turns.more(connection, Work.PLAN, now) or jobs.oldest_waiting(connection) is not None
    lost = _lost_wakes(services, now)
    for _ in range(lost):
        services.queue.wake_chunk()
    for _ in range(ready):
        services.queue.wake_finish()
    # One that is there is followed by others as long as videos wait; one more at every sweep would pile up.
    if plannable and services.queue.waiting_plans() == 0:
        services.queue.wake_plan()
    if due:
        services.queue.wake_delivery()
    return lost + ready


def _lost_wakes(services: Services, now: datetime) -> int:
    """How many messages are missing in the broker, so that every chunk that waits has one; none while it is away."""
    there = services.queue.waiting_chunks()
    if there is None:
        return 0
    with reading(services.engine) as connection:
        return max(0, sweeping.takeable_chunks(connection, now, WAKES) - there)


def _delete_passes(services: Services, now: datetime) -> int:
    with reading(services.engine) as connection:
        over = sweeping.finished_passes(connection, now, BATCH)
    for pass_id in over:
        _delete_leftovers(services, pass_id)
        services.work.delete_folder(pass_prefix(pass_id))
    with writing(services.engine) as connection:
        sweeping.forget_passes(connection, over)
    return len(over)


def _delete_leftovers(services: Services, pass_id: str) -> None:
    """Removes results that were written but never became visible, because whoever wrote them died or came too late."""
    with reading(services.engine) as connection:
        unseen = leftovers.unseen_results(connection, pass_id)
    for job_id, attempts in unseen:
        for attempt in attempts:
            services.work.delete_folder(f"{results_prefix(job_id)}{attempt}")


def _delete_jobs(services: Services, now: datetime) -> int:
    """Forgets expired jobs and old notifications; files first: a row without files is found again, files without a row never."""
    with writing(services.engine) as connection:
        jobs.forget_tokens(connection, now - TOKEN_LIFE)
        once.forget(connection, now - once.TOKEN_LIFE)
        expired = jobs.expired(connection, now, BATCH)
    for job_id in expired:
        services.work.delete_folder(results_prefix(job_id))
    with writing(services.engine) as connection:
        jobs.forget(connection, expired, now)
        retention.forget(connection, now, services.settings.retention, services.settings.dead_letter_retention)
    return len(expired)


def _delete_collections(services: Services) -> int:
    """Removes faces of deleted collections, and what this machine has copied of them."""
    batches = 0
    while batches < FACE_BATCHES and _removed_faces(services):
        batches += 1
    if batches:
        with reading(services.engine) as connection:
            prune(services.settings.face_matrices_path, collections.living(connection))
    return batches


def _removed_faces(services: Services) -> bool:
    with writing(services.engine) as connection:
        return collections.clear_removed(connection, FACES)
