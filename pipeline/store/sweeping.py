"""What the sweeper looks for; every function works inside the caller's transaction."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, or_, select, update

from pipeline.jobs.types import Chunk, ChunkState, PassState
from pipeline.store.rows import chunk_of
from pipeline.store.schema import chunks, passes


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


def sleeping_chunks(connection: Connection, woken_before: datetime, now: datetime, limit: int) -> list[tuple[str, int]]:
    """Id and priority of those of the first `limit` waiting chunks for which no wake-up was sent lately.

    Marks them as woken `now`. Chunks behind them need no reminder: their turn has not come.
    """
    asleep = or_(chunks.c.woken_at.is_(None), chunks.c.woken_at <= woken_before)
    urgent_first = (passes.c.priority.desc(), passes.c.created_at, chunks.c.start)
    query = select(chunks.c.id, passes.c.priority).join(passes, passes.c.id == chunks.c.pass_id).order_by(*urgent_first)
    query = query.where(chunks.c.state == ChunkState.QUEUED)
    first = query.with_only_columns(chunks.c.id).limit(limit).subquery()
    query = query.where(asleep, chunks.c.id.in_(select(first.c.id))).with_for_update(skip_locked=True, of=chunks)
    found = [(row.id, row.priority) for row in connection.execute(query)]
    mark_chunks(connection, [chunk_id for chunk_id, _ in found], now)
    return found


def mark_chunks(connection: Connection, chunk_ids: Sequence[str], now: datetime) -> None:
    """Remembers that wake-ups for these chunks were sent."""
    connection.execute(update(chunks).where(chunks.c.id.in_(chunk_ids)).values(woken_at=now))


def ready_passes(connection: Connection, woken_before: datetime, now: datetime, limit: int) -> list[str]:
    """Ids of passes that could be finished though nobody does and no wake-up was sent lately; marks them as woken."""
    free = or_(passes.c.lease_until.is_(None), passes.c.lease_until <= now)
    asleep = or_(passes.c.woken_at.is_(None), passes.c.woken_at <= woken_before)
    ready = (passes.c.state == PassState.RUNNING, passes.c.chunks_left == 0, free, asleep)
    query = select(passes.c.id).where(*ready).limit(limit).with_for_update(skip_locked=True)
    found = list(connection.execute(query).scalars())
    connection.execute(update(passes).where(passes.c.id.in_(found)).values(woken_at=now))
    return found


def unplanned_passes(connection: Connection, now: datetime) -> list[str]:
    """Ids of passes that nobody is planning."""
    free = or_(passes.c.lease_until.is_(None), passes.c.lease_until <= now)
    return list(connection.execute(select(passes.c.id).where(passes.c.state == PassState.PLANNING, free)).scalars())


def finished_passes(connection: Connection, now: datetime, limit: int) -> list[str]:
    """Ids of passes whose detections nobody needs any more."""
    over = (passes.c.state == PassState.DONE, passes.c.lease_until <= now)
    return list(connection.execute(select(passes.c.id).where(*over).limit(limit)).scalars())


def forget_passes(connection: Connection, pass_ids: Sequence[str]) -> None:
    """Removes passes and their chunks; jobs keep everything else."""
    connection.execute(delete(passes).where(passes.c.id.in_(pass_ids)))
