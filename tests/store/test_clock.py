"""Moments are those of the database's clock, however wrong that of the machine is."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import Engine, text

from pipeline.store.clock import DatabaseClock, clock
from pipeline.store.engine import reading
from pipeline.store.metadata import utcnow
from tests.support.databases import database_url, engine, postgres_server

__all__ = ["database_url", "engine", "postgres_server"]

HOURS = timedelta(hours=3)
NEAR = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _unmeasured() -> Iterator[None]:
    clock.forget()
    yield
    clock.forget()


@pytest.mark.parametrize("wrong", [HOURS, -HOURS])
def test_machines_with_wrong_clocks_agree(engine: Engine, wrong: timedelta) -> None:
    right = datetime.now(UTC)
    with time_machine.travel(right + wrong, tick=True), reading(engine) as connection:
        connection.execute(text("SELECT 1"))
        told = utcnow()
    expected = right if engine.dialect.name == "postgresql" else right + wrong
    assert abs(told - expected) < NEAR


def test_a_clock_that_is_set_changes_nothing_once_the_database_has_told_its(engine: Engine) -> None:
    with reading(engine) as connection:
        connection.execute(text("SELECT 1"))
    before = utcnow()
    with time_machine.travel(before + HOURS, tick=True):
        after = utcnow()
    moved = HOURS if engine.dialect.name == "sqlite" else timedelta(0)
    assert abs(after - before - moved) < NEAR


def test_without_a_database_the_machine_tells_the_time() -> None:
    assert abs(DatabaseClock().now() - datetime.now(UTC)) < NEAR
