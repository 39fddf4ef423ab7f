"""Connections to SQLite or PostgreSQL that behave alike: `snapshot` sees one state, `writing` is serial on SQLite."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import DisconnectionError, InvalidRequestError

from pipeline.store.clock import clock

BUSY_TIMEOUT_S = 30
_PATIENCE = {
    "connect_timeout": 5,
    # A server that is gone without a word, as a machine or a network may be, is given up after about this long.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
WRITES = "reelsight_writes"
LONE = "reelsight_lone"
AFTERWARDS = "reelsight_afterwards"


def connect(url: str) -> Engine:
    """An engine for the database at `url`; make it after forking."""
    where = make_url(url)
    return _sqlite(where) if where.get_backend_name() == "sqlite" else _postgresql(where)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that only reads."""
    with _connected(engine) as connection:
        yield connection


@contextmanager
def asking(engine: Engine) -> Iterator[Connection]:
    """A connection for one query, which needs no transaction around it: that would be asked for and ended at the same cost again."""
    lone = {"isolation_level": "AUTOCOMMIT"} if engine.dialect.name == "postgresql" else {LONE: True}
    with _connected(engine).execution_options(**lone) as connection:
        yield connection


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A connection that only reads, and sees one state of the database however many queries it makes."""
    options = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
    with _connected(engine).execution_options(**options) as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction, committed at the end; on SQLite it holds the write lock from its beginning, so it never deadlocks."""
    later: list[Callable[[], None]] = []
    with _connected(engine) as connection:
        writer = connection.execution_options(**{WRITES: True, AFTERWARDS: later})
        with writer.begin():
            yield writer
    for act in later:
        act()


def afterwards(connection: Connection, act: Callable[[], None]) -> None:
    """Has `act`, which must not fail, called when the transaction of `writing` is committed and its connection given back."""
    connection.get_execution_options()[AFTERWARDS].append(act)


def _connected(engine: Engine) -> Connection:
    """A connection.

    Raises:
        DisconnectionError: the server takes connections, as a pooler does whose database is away, and answers nothing on them.
    """
    try:
        return engine.connect()
    except InvalidRequestError as error:  # the pool's word for it, which it has for mistakes as well
        raise DisconnectionError(f"every new connection was broken: {error}") from error


def _postgresql(url: URL) -> Engine:
    if url.drivername in {"postgres", "postgresql"}:
        url = url.set(drivername="postgresql+psycopg")
    engine = create_engine(url, pool_pre_ping=True, connect_args=_PATIENCE)
    event.listen(engine, "checkout", clock.listen)
    return engine


def _sqlite(url: URL) -> Engine:
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver must not begin transactions by itself: `_begin_sqlite` decides which kind it is.
    connection.isolation_level = None
    for pragma in ("foreign_keys = ON", "synchronous = NORMAL"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get(LONE):
        return
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(WRITES) else "BEGIN")
