"""Passes and chunks in the database; every function works inside the caller's transaction.

Whoever changes chunks or jobs of a pass locks the pass first, so that transactions never wait for each other in a ring.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, insert, or_, select, update

from pipeline.jobs.types import OPEN_CHUNKS, Chunk, ChunkState, Pass, PassState, VideoRef, sources
from pipeline.store import turns
from pipeline.store.rows import chunk_of, pass_of, video_values
from pipeline.store.schema import chunks, passes


def new_id() -> str:
    """An id of a pass or chunk."""
    return uuid.uuid4().hex


def add(connection: Connection, account: str, video: VideoRef, priority: int, now: datetime) -> str:
    """The id of a new pass, to be planned when it is the account's turn."""
    pass_id = new_id()
    values = {"account": account, "priority": priority, "created_at": now, "served_at": now, **video_values(video)}
    connection.execute(insert(passes).values(id=pass_id, state=PassState.PLANNING, **values))
    turns.enter(connection, account)
    return pass_id


def find(connection: Connection, pass_id: str) -> Pass | None:
    """The pass with this id."""
    row = connection.execute(select(passes).where(passes.c.id == pass_id)).mappings().first()
    return None if row is None else pass_of(row)


def lock(connection: Connection, pass_id: str) -> Pass | None:
    """The pass, unchanged by others until the transaction ends."""
    query = select(passes).where(passes.c.id == pass_id).with_for_update()
    row = connection.execute(query).mappings().first()
    return None if row is None else pass_of(row)


def claim(
    connection: Connection, pass_id: str, state: PassState, owner: str, now: datetime, until: datetime
) -> Pass | None:
    """The pass, leased to `owner`; None if it is in another state, has open chunks, or somebody's lease lives."""
    free = or_(passes.c.lease_until.is_(None), passes.c.lease_until <= now)
    mine = (passes.c.id == pass_id, passes.c.state == state, passes.c.chunks_left == 0, free)
    taken = update(passes).where(*mine).values(attempt=passes.c.attempt + 1, owner=owner, lease_until=until)
    row = connection.execute(taken.returning(*passes.c)).mappings().first()
    return None if row is None else pass_of(row)


def rank(connection: Connection, pass_id: str, priority: int) -> None:
    """Gives the pass this priority among those of its account."""
    other = (passes.c.id == pass_id, passes.c.priority != priority)
    connection.execute(update(passes).where(*other).values(priority=priority))


def renew(connection: Connection, pass_: Pass, until: datetime) -> bool:
    """Whether the pass is still leased to the attempt in `pass_`; the lease then lasts until `until`."""
    renewed = update(passes).where(*_held(pass_)).values(lease_until=until)
    return connection.execute(renewed).rowcount == 1


def release(connection: Connection, pass_: Pass, *, rests_until: datetime | None = None) -> None:
    """Gives the lease back: after a failure until it is tried again, else at once, and the attempt, only interrupted, does not count."""
    if rests_until is None:
        free: dict[str, Any] = {"lease_until": None, "owner": None, "attempt": pass_.attempt - 1, "woken_at": None}
    else:
        free = {"lease_until": rests_until, "owner": None}
    connection.execute(update(passes).where(*_held(pass_)).values(free))


def planned(
    connection: Connection,
    pass_: Pass,
    video: VideoRef,
    media: Mapping[str, Any],
    cuts: Sequence[tuple[int, int]],
    now: datetime,
) -> bool:
    """Whether the pass now runs with these chunks; not if the attempt lost its lease."""
    values = {"state": PassState.RUNNING, "media": dict(media), "chunks_left": len(cuts), "lease_until": None}
    running = update(passes).where(*_held(pass_)).values(**values, **video_values(video), served_at=now)
    if connection.execute(running).rowcount == 0:
        return False
    rows = [{**_new_chunk(pass_.id, start, stop), "operation": None, "attempt": 0} for start, stop in cuts]
    connection.execute(insert(chunks), rows)
    return True


def close(connection: Connection, pass_id: str, until: datetime) -> None:
    """Ends the pass; its detections may be deleted from `until` on, when late workers have noticed."""
    over = update(passes).where(passes.c.id == pass_id, passes.c.state.in_(sources(PassState.DONE)))
    connection.execute(over.values(state=PassState.DONE, lease_until=until, chunks_left=0))


def recount(connection: Connection, pass_id: str, now: datetime) -> int:
    """How many chunks of the pass are open; the pass remembers it, and that it was served now."""
    open_ones = (chunks.c.pass_id == pass_id, chunks.c.state.in_(OPEN_CHUNKS))
    left = connection.execute(select(func.count()).select_from(chunks).where(*open_ones)).scalar_one()
    connection.execute(update(passes).where(passes.c.id == pass_id).values(chunks_left=left, served_at=now))
    return left


def add_chunk(
    connection: Connection, pass_id: str, start: int, stop: int, operation: str | None = None, attempt: int = 0
) -> str:
    """The id of a new chunk that waits for a worker."""
    row = _new_chunk(pass_id, start, stop)
    connection.execute(insert(chunks).values(**row, operation=operation, attempt=attempt))
    return str(row["id"])


def _new_chunk(pass_id: str, start: int, stop: int) -> dict[str, Any]:
    return {"id": new_id(), "pass_id": pass_id, "start": start, "stop": stop, "state": ChunkState.QUEUED}


def find_chunk(connection: Connection, chunk_id: str) -> Chunk | None:
    """The chunk with this id."""
    row = connection.execute(select(chunks).where(chunks.c.id == chunk_id)).mappings().first()
    return None if row is None else chunk_of(row)


def chunks_of(connection: Connection, pass_id: str) -> list[Chunk]:
    """The chunks of a pass, in the order of the video."""
    query = select(chunks).where(chunks.c.pass_id == pass_id).order_by(chunks.c.start, chunks.c.id)
    return [chunk_of(row) for row in connection.execute(query).mappings()]


def claim_chunk(connection: Connection, pass_id: str, owner: str, now: datetime, until: datetime) -> Chunk | None:
    """The first chunk of the pass, in the order of the video, that waits for a worker, leased to `owner`."""
    first = select(chunks.c.id).where(chunks.c.pass_id == pass_id, *turns.queued_chunk(now))
    first = first.order_by(chunks.c.start, chunks.c.id).limit(1)
    waiting = (chunks.c.id == first.scalar_subquery(), chunks.c.state == ChunkState.QUEUED)
    values = {"state": ChunkState.RUNNING, "owner": owner, "lease_until": until, "frames_done": 0}
    taken = update(chunks).where(*waiting).values(attempt=chunks.c.attempt + 1, **values)
    row = connection.execute(taken.returning(*chunks.c)).mappings().first()
    if row is not None:
        connection.execute(update(passes).where(passes.c.id == pass_id).values(served_at=now))
    return None if row is None else chunk_of(row)


def renew_chunk(connection: Connection, chunk: Chunk, frames_done: int, until: datetime) -> bool:
    """Whether the chunk is still leased to the attempt in `chunk`; keeps its progress."""
    renewed = update(chunks).where(*_held_chunk(chunk)).values(frames_done=frames_done, lease_until=until)
    return connection.execute(renewed).rowcount == 1


def settle_chunk(
    connection: Connection, chunk: Chunk, target: ChunkState, *, rests_until: datetime | None = None, **values: Any
) -> bool:
    """Whether the attempt in `chunk` still owned it; it then leaves RUNNING for `target`, where it may rest before the next attempt."""
    assert target in sources_of_running()
    settled = update(chunks).where(*_held_chunk(chunk))
    return connection.execute(settled.values(state=target, lease_until=rests_until, **values)).rowcount == 1


def sources_of_running() -> frozenset[ChunkState]:
    """The states a leased chunk may move to."""
    return frozenset(state for state in ChunkState if ChunkState.RUNNING in sources(state))


def cancel_chunks(connection: Connection, pass_id: str, needed: Iterable[str]) -> None:
    """Cancels open chunks that serve none of the operations in `needed`."""
    operations = sorted(needed)
    useless: list[ColumnElement[bool]] = [chunks.c.pass_id == pass_id, chunks.c.state.in_(OPEN_CHUNKS)]
    if operations:
        useless += [chunks.c.operation.is_not(None), chunks.c.operation.not_in(operations)]
    connection.execute(update(chunks).where(*useless).values(state=ChunkState.CANCELLED, lease_until=None))


def _held(pass_: Pass) -> tuple[ColumnElement[bool], ...]:
    return (
        passes.c.id == pass_.id,
        passes.c.attempt == pass_.attempt,
        passes.c.state == pass_.state,
        passes.c.lease_until.is_not(None),
    )


def _held_chunk(chunk: Chunk) -> tuple[ColumnElement[bool], ...]:
    return (chunks.c.id == chunk.id, chunks.c.attempt == chunk.attempt, chunks.c.state == ChunkState.RUNNING)
