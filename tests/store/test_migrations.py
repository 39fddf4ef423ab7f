"""The migrated schema is the one that the code expects, also when many processes start at once."""

import threading

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, text

from pipeline.store import face_schema, machine_schema, notify_schema, request_schema, schema
from pipeline.store.engine import connect, reading
from pipeline.store.metadata import metadata
from pipeline.store.migrate import migrate
from tests.support.databases import bare_database_url, database_url, engine, postgres_server

__all__ = ["bare_database_url", "database_url", "engine", "postgres_server"]


def _differences(engine: Engine) -> list[object]:
    some = {schema.jobs, notify_schema.topics, face_schema.faces, request_schema.requests, machine_schema.machines}
    assert some <= set(metadata.tables.values())
    with reading(engine) as connection:
        return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata))


def test_migrated_schema_is_the_metadata(engine: Engine) -> None:
    assert _differences(engine) == []


def test_migrating_again_changes_nothing(engine: Engine) -> None:
    migrate(engine)
    assert _differences(engine) == []


def test_processes_that_start_at_once_take_turns(bare_database_url: str) -> None:
    engines = [connect(bare_database_url) for _ in range(4)]
    errors: list[BaseException] = []

    def start(engine: Engine) -> None:
        try:
            migrate(engine)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=start, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert _differences(engines[0]) == []
    for opened in engines:
        opened.dispose()


def test_sqlite_is_in_wal_mode_with_foreign_keys(engine: Engine) -> None:
    if engine.dialect.name != "sqlite":
        return
    with reading(engine) as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
