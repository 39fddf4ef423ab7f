"""How a leased chunk ends: kept, put off, given back, or failing jobs; always in one transaction that checks the lease."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection

from pipeline.catalog import OPERATIONS
from pipeline.conduct.reason import told
from pipeline.conduct.settle import fail_jobs, settle_pass
from pipeline.conduct.stoppable import Unwanted
from pipeline.conduct.turn import rested
from pipeline.errors import JobFailed, ModelError
from pipeline.jobs.types import Chunk, ChunkState
from pipeline.services import Services
from pipeline.store import jobs, passes
from pipeline.store.engine import writing
from pipeline.store.metadata import utcnow

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt found.

    Attributes:
        found: Operation -> stage key -> key of its detections.
        failed: Operation -> why it has none.
    """

    found: Mapping[str, Mapping[str, str]]
    failed: Mapping[str, Exception] = field(default_factory=dict)


@dataclass(slots=True)
class _Wakes:
    """What to wake once the transaction is committed."""

    chunks: int = 0
    finish: bool = False
    delivery: bool = False

    def send(self, services: Services) -> None:
        for _ in range(self.chunks):
            services.queue.wake_chunk()
        if self.finish:
            services.queue.wake_finish()
        if self.delivery:
            services.queue.wake_delivery()


def keep(services: Services, chunk: Chunk, outcome: Outcome) -> bool:
    """Whether the attempt still owned the chunk; failed analyses get chunks of their own, or fail their jobs."""
    now, wakes = utcnow(), _Wakes()
    target = ChunkState.DONE if outcome.found or not outcome.failed else ChunkState.FAILED
    with writing(services.engine) as connection:
        passes.lock(connection, chunk.pass_id)
        found = {operation: dict(stages) for operation, stages in outcome.found.items()}
        values: dict[str, Any] = {"found": found, "frames_done": chunk.stop - chunk.start}
        if not passes.settle_chunk(connection, chunk, target, **values):
            return False
        for operation, error in outcome.failed.items():
            _failed(services, connection, chunk, operation, error, now, wakes)
        wakes.finish = settle_pass(services, connection, chunk.pass_id, now)
    log.info("chunk_settled", state=target.value, frames=chunk.stop - chunk.start, failed=sorted(outcome.failed))
    wakes.send(services)
    return True


def _failed(
    services: Services,
    connection: Connection,
    chunk: Chunk,
    operation: str,
    error: Exception,
    now: datetime,
    wakes: _Wakes,
) -> None:
    """Another try of this analysis alone, unless it is hopeless, worn out or not wanted any more."""
    if isinstance(error, Unwanted):
        return
    log.warning("analysis_failed", operation=operation, error=f"{type(error).__name__}: {error}")
    hopeless = isinstance(error, JobFailed | ModelError)
    if not hopeless and chunk.attempt < services.settings.max_attempts:
        passes.add_chunk(connection, chunk.pass_id, chunk.start, chunk.stop, operation, chunk.attempt)
        wakes.chunks += 1
        return
    reason = str(error) if hopeless else worn_out(operation, chunk, told(error))
    fail_operations(services, connection, chunk.pass_id, {operation}, reason, now)
    wakes.delivery = True


def worn_out(operation: str | None, chunk: Chunk, error: str) -> str:
    """StatusMessage of jobs that failed as often as they may."""
    what = f"The {OPERATIONS[operation].analysis} analysis" if operation else "The analysis"
    return f"{what} failed {chunk.attempt} times at frames {chunk.start} to {chunk.stop}. Last error: {error}"


def fail_operations(
    services: Services,
    connection: Connection,
    pass_id: str,
    operations: Iterable[str] | None,
    reason: str,
    now: datetime,
) -> None:
    """Fails the open jobs of a pass that are of these operations; None: all."""
    open_jobs = jobs.of_pass(connection, pass_id)
    wanted = None if operations is None else frozenset(operations)
    fail_jobs(services, connection, (j for j in open_jobs if wanted is None or j.operation in wanted), reason, now)


def fail_pass(services: Services, chunk: Chunk, reason: str) -> bool:
    """Whether the attempt still owned the chunk; all jobs that it serves fail with `reason`."""
    now = utcnow()
    operations = None if chunk.operation is None else {chunk.operation}
    with writing(services.engine) as connection:
        passes.lock(connection, chunk.pass_id)
        if not passes.settle_chunk(connection, chunk, ChunkState.FAILED, error=reason):
            return False
        fail_operations(services, connection, chunk.pass_id, operations, reason, now)
        ready = settle_pass(services, connection, chunk.pass_id, now)
    _Wakes(finish=ready, delivery=True).send(services)
    return True


def put_off(services: Services, chunk: Chunk, error: str) -> bool:
    """Whether the chunk is over: False while it may be tried again, after a rest; then the sweeper wakes a worker."""
    if chunk.attempt >= services.settings.max_attempts:
        return fail_pass(services, chunk, worn_out(chunk.operation, chunk, error))
    rests_until = rested(services.settings, utcnow())
    with writing(services.engine) as connection:
        passes.settle_chunk(connection, chunk, ChunkState.QUEUED, error=error, rests_until=rests_until)
    return False


def give_back(services: Services, chunk: Chunk) -> None:
    """Lets another worker take the chunk at once; an attempt that was interrupted is not counted."""
    with writing(services.engine) as connection:
        passes.settle_chunk(connection, chunk, ChunkState.QUEUED, attempt=chunk.attempt - 1)
    services.queue.wake_chunk()
