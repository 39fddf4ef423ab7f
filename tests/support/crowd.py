"""Passes and chunks of many accounts, written straight into the database: what would take hours to submit."""

from datetime import UTC, datetime

from sqlalchemy import Connection, insert

from pipeline.store.schema import chunks, passes, turns
from pipeline.store.turns import Work

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def crowd(connection: Connection, accounts: int, pass_count: int, chunk_count: int) -> None:
    """Adds so many running passes, spread over the accounts, and so many queued chunks, spread over the passes."""
    shared = {
        "bucket": "b", "name": "n", "etag": "e", "size_bytes": 1, "state": "RUNNING", "priority": 0,
        "chunks_left": chunk_count // pass_count, "created_at": LONG_AGO, "served_at": LONG_AGO,
    }  # fmt: skip
    rows = [{"id": f"{n:032x}", "account": f"{n % accounts:012}", **shared} for n in range(pass_count)]
    connection.execute(insert(passes), rows)
    parts = [
        {"id": f"{n:032x}", "pass_id": f"{n % pass_count:032x}", "start": n, "stop": n + 1, "state": "QUEUED"}
        for n in range(chunk_count)
    ]
    connection.execute(insert(chunks), parts)
    known = [{"work": Work.CHUNK, "account": f"{n:012}", "begun": 0.0, "due": 0.0} for n in range(accounts)]
    connection.execute(insert(turns), known)
