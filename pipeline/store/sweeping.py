"""What the sweeper looks for; every function works inside the caller's transaction."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, func, literal_column, or_, select, update

from pipeline.jobs.types import Chunk, ChunkState
from pipeline.store import turns
from pipeline.store.rows import chunk_of
from pipeline.store.schema import chunks, passes
from pipeline.store.turns import Work


def dead_chunks(connection: Connection, now: datetime, limit: int) -> list[Chunk]:
    """Chunks whose worker vanished."""
    dead = (chunks.c.state == ChunkState.RUNNING, chunks.c.lease_until <= now)
    rows = connection.execute(select(chunks).where(*dead).order_by(chunks.c.lease_until).limit(limit))
    return [chunk_of(row) for row in rows.mappings()]


def still_dead(connection: Connection, chunk: Chunk, now: datetime) -> bool:
    """Whether the attempt in `chunk` has neither ended nor renewed its lease."""
    same = (chunks.c.id == chunk.id, chunks.c.attempt == chunk.attempt, chunks.c.state == ChunkState.RUNNING)
    query = select(chunks.c.id).where(*same, chunks.c.lease_until <= now).with_for_update()
    return connection.execute(query).first() is not None


def takeable_chunks(connection: Connection, now: datetime, limit: int) -> int:
    """How many chunks a worker could take now; counted no further than `limit`."""
    some = select(chunks.c.id).where(*turns.queued_chunk(now)).limit(limit).subquery()
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one())


def ready_passes(connection: Connection, woken_before: datetime, now: datetime, limit: int) -> list[str]:
    """Ids of passes that could be finished though nobody does and no wake-up was sent lately; marks them as woken."""
    free = or_(passes.c.lease_until.is_(None), passes.c.lease_until <= now)
    asleep = or_(passes.c.woken_at.is_(None), passes.c.woken_at <= woken_before)
    query = (
        select(passes.c.id)
        .where(turns.passes_at(Work.FINISH, passes), free, asleep)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = list(connection.execute(query).scalars())
    connection.execute(update(passes).where(passes.c.id.in_(found)).values(woken_at=now))
    return found


def finished_passes(connection: Connection, now: datetime, limit: int) -> list[str]:
    """Ids of passes whose detections nobody needs any more."""
    over = (passes.c.state == literal_column("'DONE'"), passes.c.lease_until <= now)  # as the partial index says it
    return list(connection.execute(select(passes.c.id).where(*over).limit(limit)).scalars())


def forget_passes(connection: Connection, pass_ids: Sequence[str]) -> None:
    """Removes passes and their chunks; jobs keep everything else."""
    connection.execute(delete(passes).where(passes.c.id.in_(pass_ids)))
