"""An account never has more collections than it may, however many are created at once."""

import threading

from sqlalchemy import Engine

from pipeline.errors import RequestError
from pipeline.store import collections
from pipeline.store.engine import connect, reading, writing
from pipeline.store.metadata import utcnow
from tests.support.databases import database_url, engine, postgres_server

__all__ = ["database_url", "engine", "postgres_server"]

ACCOUNT, LIMIT, CALLERS = "1" * 12, 3, 8


def test_callers_at_once_share_the_quota(engine: Engine, database_url: str) -> None:
    refused: list[str] = []
    barrier = threading.Barrier(CALLERS)

    def create(number: int) -> None:
        mine = connect(database_url)
        barrier.wait()
        try:
            with writing(mine) as connection:
                collections.create(connection, ACCOUNT, f"c{number}", "us-east-1", utcnow(), limit=LIMIT)
                # Whoever counted before this commits would find the same room.
                threading.Event().wait(0.05)
        except RequestError as error:
            refused.append(error.code)
        mine.dispose()

    threads = [threading.Thread(target=create, args=(number,)) for number in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(engine) as connection:
        assert collections.count(connection, ACCOUNT) == LIMIT
    assert refused == ["ServiceQuotaExceededException"] * (CALLERS - LIMIT)
