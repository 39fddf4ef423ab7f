"""Accounts that come anew are entered in one order by all who do, so that no two transactions wait for each other; on both databases."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, delete, event

from pipeline.conduct.plan import plan
from pipeline.conduct.submit import submit
from pipeline.services import Services
from pipeline.store import turns as stored
from pipeline.store.engine import writing
from pipeline.store.metadata import utcnow
from pipeline.store.schema import turns
from pipeline.store.turns import Work
from tests.support.brightness import BRIGHTNESS, Watch, watch
from tests.support.conducting import VIDEO
from tests.support.databases import database_url, engine, postgres_server
from tests.support.jobs_installation import queue, services
from tests.support.small_video import write_video

__all__ = ["database_url", "engine", "postgres_server", "queue", "services", "watch"]

ACCOUNTS = [digit * 12 for digit in "12345"]


@pytest.fixture
def entered(engine: Engine, services: Services) -> Iterator[list[str]]:
    """The accounts as they are entered, one after the other."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("INSERT INTO turns"):
            values = parameters.values() if isinstance(parameters, dict) else parameters
            seen.extend(value for value in values if value in ACCOUNTS)

    event.listen(services.engine, "before_cursor_execute", note)
    yield seen
    event.remove(services.engine, "before_cursor_execute", note)


def test_new_accounts_are_entered_in_one_order(services: Services, watch: Watch, entered: list[str]) -> None:
    write_video(services.settings.buckets_path / "videos" / "clip.mp4")
    for account in ("3" * 12, "5" * 12, "1" * 12, "4" * 12, "2" * 12):
        submit(services, account, BRIGHTNESS, {"Video": VIDEO})
    plan(services)
    assert entered == [account for account in ACCOUNTS for _ in Work]
    entered.clear()
    with writing(services.engine) as connection:
        connection.execute(delete(turns))
        assert stored.take(connection, Work.PLAN, {}, utcnow())
    assert len(entered) == 4, "those whose video has not been planned"
    assert entered == sorted(entered)
