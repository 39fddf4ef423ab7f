"""Brings a database to the present schema; processes that start at once take turns."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text

_LOCK = 7235019284417712  # any number that no other program locks in the same database


def migrate(engine: Engine) -> None:
    """Applies the migrations that the database lacks."""
    with _alone(engine), engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            # Kept in the file; other connections find it there.
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            connection.exec_driver_sql("BEGIN")
        _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", "pipeline.store:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.commit()


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    """Nobody else migrates this database inside the block."""
    lock = _file_lock(Path(engine.url.database or "")) if engine.dialect.name == "sqlite" else _advisory_lock(engine)
    with lock:
        yield


@contextmanager
def _file_lock(database: Path) -> Iterator[None]:
    with database.with_name(database.name + ".migrate.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _advisory_lock(engine: Engine) -> Iterator[None]:
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})
