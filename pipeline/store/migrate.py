"""Brings a database to the present schema, or back to an older one; processes that start at once take turns.

All steps are one transaction: who is killed in between has changed nothing. The service may run meanwhile: on SQLite its writes
wait, on PostgreSQL it is the migration that gives way, again and again, until it finds nobody at the tables it changes.
"""

import fcntl
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import structlog
from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import OperationalError

from pipeline.errors import SetupError
from pipeline.store import revisions
from pipeline.store.engine import WRITES, reading
from pipeline.store.revisions import Revision

log = structlog.get_logger()

_LOCK = 7235019284417712  # any number that no other program locks in the same database
LOCKS_MS = 800
"""For all tables together: less than the second after which PostgreSQL looks for deadlocks and may choose somebody of the service."""
PATIENCE_S = 120.0
"""How long a migration tries to get at its tables."""
IN_THE_WAY = frozenset({"55P03", "40P01"})
"""Lock not available, deadlock detected. Source: PostgreSQL, appendix A."""


def migrate(engine: Engine, *, upgrade: bool = True) -> None:
    """Applies the migrations that the database lacks; does nothing to one of a newer version that this code can work with.

    Args:
        engine: The database.
        upgrade: Whether this process may change the schema.

    Raises:
        SetupError: the schema is older and may not be changed, is too new, or stays in use.
    """
    if _is_done(engine, upgrade):
        return
    _alone(engine, _upgrade)


def downgrade(engine: Engine, revision: Revision) -> None:
    """Takes the schema back to a revision of this code; what the older one has no place for is lost.

    Raises:
        SetupError: the database's schema is older than that, not known, or stays in use.
    """

    def step(connection: Connection) -> None:
        schema = revisions.present(connection)
        if schema is None or schema.number < revision.number:
            raise SetupError(
                f"the database's schema is {schema.name if schema else 'empty'}, older than {revision.name}"
            )
        if schema not in revisions.known():
            raise SetupError(f"this version does not know {schema.name}; use the one that made it")
        _run("downgrade", connection, revision)
        log.info("schema_downgraded", before=schema.name, after=revision.name)

    _alone(engine, step)


def schema_of(engine: Engine) -> Revision | None:
    """The revision of the database's schema; None: it is empty."""
    with reading(engine) as connection:
        return revisions.present(connection)


def _is_done(engine: Engine, upgrade: bool) -> bool:
    """Whether there is nothing to do; looked at without locks, so that starting processes hinder nobody."""
    with reading(engine) as connection:
        schema = revisions.present(connection)
        revisions.check(schema)
        if schema is None or schema.number < revisions.head().number:
            if not upgrade:
                raise SetupError(
                    f"the database's schema is {schema.name if schema else 'empty'}, this version needs {revisions.head().name}, and "
                    "REELSIGHT_AUTO_UPGRADE is off: run `reelsight database upgrade`"
                )
            return False
        if schema.number > revisions.head().number:
            log.warning("schema_newer_than_code", schema=schema.name, code=revisions.head().name)
        return engine.dialect.name != "sqlite" or connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"


def _upgrade(connection: Connection) -> None:
    before = revisions.present(connection)
    revisions.check(before)
    if before is not None and before.number >= revisions.head().number:
        return
    _run("upgrade", connection, revisions.head())
    if before is not None:
        log.info("schema_upgraded", before=before.name, after=revisions.head().name)


def _run(way: Literal["upgrade", "downgrade"], connection: Connection, revision: Revision) -> None:
    from alembic import command  # takes long, and most processes find nothing to do

    config = revisions.configuration()
    config.attributes["connection"] = connection
    getattr(command, way)(config, revision.name)


def _alone(engine: Engine, step: Callable[[Connection], None]) -> None:
    """Runs the step in one transaction while nobody else migrates this database."""
    if engine.dialect.name == "sqlite":
        with _file_lock(Path(engine.url.database or "")), _sqlite_transaction(engine) as connection:
            step(connection)
        return
    with _advisory_lock(engine):
        _giving_way(engine, step)


def _giving_way(engine: Engine, step: Callable[[Connection], None]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with engine.begin() as connection:
                _lock_tables(connection)
                step(connection)
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) not in IN_THE_WAY:
                raise
            if time.monotonic() > deadline:
                raise SetupError(
                    f"the tables were in use for {PATIENCE_S:g} s; end long transactions (pg_stat_activity) and try again"
                ) from error
            time.sleep(random.uniform(0.1, 0.5))  # noqa: S311 - so that it does not meet the same transactions again
        else:
            return


def _lock_tables(connection: Connection) -> None:
    """Holds every table before one is changed: a migration that waited for the second would hold the first meanwhile."""
    if names := inspect(connection).get_table_names():
        connection.execute(text(f"SET LOCAL lock_timeout = {max(1, LOCKS_MS // len(names))}"))
        quoted = ", ".join(map(connection.dialect.identifier_preparer.quote, names))
        connection.execute(text(f"LOCK TABLE {quoted} IN ACCESS EXCLUSIVE MODE"))


@contextmanager
def _sqlite_transaction(engine: Engine) -> Iterator[Connection]:
    """Holds the write lock; rows that refer to others stay while a table is made anew and its old one dropped."""
    with engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.execute("PRAGMA journal_mode = WAL")  # kept in the file; other connections find it there
        raw.execute("PRAGMA foreign_keys = OFF")  # has no effect inside a transaction
        writer = connection.execution_options(**{WRITES: True})
        try:
            with writer.begin():
                yield writer
                if broken := writer.exec_driver_sql("PRAGMA foreign_key_check").fetchall():
                    raise SetupError(f"after the migration rows would refer to others that are not there: {broken[:5]}")
        finally:
            raw.execute("PRAGMA foreign_keys = ON")


@contextmanager
def _file_lock(database: Path) -> Iterator[None]:
    with database.with_name(database.name + ".migrate.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _advisory_lock(engine: Engine) -> Iterator[None]:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})
