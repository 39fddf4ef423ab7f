"""Connections that break as they are handed out, and what follows a transaction."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import DisconnectionError

from pipeline.patience import passing, patiently
from pipeline.store.engine import afterwards, connect, reading, snapshot, writing


@pytest.mark.parametrize("use", [reading, snapshot, writing])
def test_a_database_that_answers_on_no_connection_is_waited_for(
    tmp_path: Path, use: Callable[[Engine], AbstractContextManager[Connection]]
) -> None:
    engine, broken = connect(f"sqlite:///{tmp_path}/database"), [True] * 2

    @event.listens_for(engine, "checkout")
    def _answers_nothing(*_: object) -> None:
        if broken:
            broken.pop()
            raise DisconnectionError

    def ask() -> int:
        with use(engine) as connection:
            return int(connection.execute(text("SELECT 1")).scalar_one())

    with pytest.raises(DisconnectionError, match="every new connection was broken") as caught:
        ask()
    assert passing(caught.value)
    broken += [True] * 2
    assert patiently(ask, 60, "database") == 1
    engine.dispose()


def test_what_is_to_be_done_afterwards_finds_the_transaction_committed(tmp_path: Path) -> None:
    seen: list[int]
    engine, seen = connect(f"sqlite:///{tmp_path}/database"), []

    def look() -> None:
        with writing(engine) as another:
            seen.append(another.execute(text("SELECT count(*) FROM things")).scalar_one())

    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE things (name TEXT)"))
        connection.execute(text("INSERT INTO things VALUES ('one')"))
        afterwards(connection, look)
        assert seen == []
    assert seen == [1]
    engine.dispose()


def test_what_is_rolled_back_has_nothing_done_afterwards(tmp_path: Path) -> None:
    seen: list[int]
    engine, seen = connect(f"sqlite:///{tmp_path}/database"), []

    def fail() -> None:
        with writing(engine) as connection:
            afterwards(connection, lambda: seen.append(1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with writing(engine):
        pass
    assert seen == []
    engine.dispose()
