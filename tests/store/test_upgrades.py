"""The schema goes up and down with rows in it, alone or while others write, or stays as it was."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, MetaData, Table, text

from pipeline.errors import SetupError
from pipeline.store import face_schema, notify_schema, request_schema, revisions, schema
from pipeline.store import migrate as migrating
from pipeline.store.engine import connect, reading, writing
from pipeline.store.metadata import metadata
from pipeline.store.migrate import downgrade, migrate, schema_of
from pipeline.store.revisions import VERSION_TABLE, Revision, chosen, head, known, parsed
from tests.support.databases import bare_database_url, database_url, engine, postgres_server

__all__ = ["bare_database_url", "database_url", "engine", "postgres_server"]

Rows = dict[str, list[dict[str, Any]]]
ROWS = 3


@pytest.fixture
def bare(bare_database_url: str) -> Iterator[Engine]:
    """A database without tables."""
    opened = connect(bare_database_url)
    yield opened
    opened.dispose()


def up_to(engine: Engine, revision: Revision, monkeypatch: pytest.MonkeyPatch) -> None:
    """Upgrades as the version did for which this revision was the last."""
    with monkeypatch.context() as patch:
        patch.setattr(revisions, "head", lambda: revision)
        migrate(engine)
    assert schema_of(engine) == revision


def tables(engine: Engine) -> dict[str, Table]:
    """The tables that are there, those that others refer to first."""
    found = MetaData()
    found.reflect(engine)
    return {table.name: table for table in found.sorted_tables if table.name != VERSION_TABLE}


def value(column: sa.Column[Any], place: int, number: int) -> Any:
    """Something of the column's type; another for each number."""
    for foreign in column.foreign_keys:
        return value(foreign.column, list(foreign.column.table.columns).index(foreign.column), number)
    kind = column.type
    text_length = getattr(kind, "length", None)
    for wanted, made in (
        (sa.JSON, {"number": number}),
        (sa.DateTime, datetime(2026, 1, 2, tzinfo=UTC).replace(tzinfo=None) + timedelta(days=number, seconds=place)),
        (sa.Boolean, bool(number % 2)),
        (sa.LargeBinary, f"{column.name}{number}".encode()),
        (sa.Numeric | sa.Float | sa.Integer, 100 * number + place),
    ):
        if isinstance(kind, wanted):
            return made
    return f"{number}{column.name}"[:text_length]


def fill(engine: Engine, names: set[str]) -> None:
    """Puts rows into these tables."""
    with writing(engine) as connection:
        for table in (table for name, table in tables(engine).items() if name in names):
            rows = [{c.name: value(c, i, n) for i, c in enumerate(table.columns)} for n in range(1, ROWS + 1)]
            connection.execute(table.insert(), rows)


def content(engine: Engine) -> Rows:
    """Every row of every table."""
    with reading(engine) as connection:
        return {
            name: [
                dict(row)
                for row in connection.execute(sa.select(table).order_by(*table.primary_key.columns)).mappings()
            ]
            for name, table in tables(engine).items()
        }


def shared(before: Rows, after: Rows) -> tuple[Rows, Rows]:
    """Both, without the tables and columns that only one of them has."""
    names = {
        name: set(before[name][0]) & set(after[name][0])
        for name in before
        if name in after and before[name] and after[name]
    }
    first, second = (
        {name: [{column: row[column] for column in columns} for row in rows[name]] for name, columns in names.items()}
        for rows in (before, after)
    )
    return first, second


def broken(old: dict[str, Table], new: dict[str, Table]) -> set[str]:
    """What code that knows the old tables misses in the new ones, or does not fill there."""
    missed = {f"{name}.{column.name}" for name, table in old.items() for column in table.columns} - {
        f"{name}.{column.name}" for name, table in new.items() for column in table.columns
    }
    demanded = {
        f"{name}.{column.name}"
        for name in set(old) & set(new)
        for column in new[name].columns
        if column.name not in old[name].columns and not column.nullable and column.server_default is None
    }
    return missed | demanded


def test_rows_survive_every_step_up_and_down(bare: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    before: Rows = {}
    old: dict[str, Table] = {}
    for revision in known():
        up_to(bare, revision, monkeypatch)
        after, new = content(bare), tables(bare)
        assert not (what := broken(old, new)) or revision.needs == revision.number, (revision, what)
        old = new
        first, second = shared(before, after)
        assert first == second, revision
        assert set(first) == set(before), revision
        if fresh := set(after) - set(before):
            fill(bare, fresh)
            after = content(bare)
        before = after
    assert {schema.jobs, notify_schema.topics, face_schema.faces, request_schema.requests} <= {*metadata.sorted_tables}
    assert set(before) == set(metadata.tables)
    for revision in reversed(known()[:-1]):
        downgrade(bare, revision)
        after = content(bare)
        first, second = shared(before, after)
        assert first == second, revision
        assert set(first) == set(after), revision
        assert all(len(rows) == ROWS for rows in after.values()), revision
        before = after
    assert schema_of(bare) == known()[0]
    migrate(bare)
    assert {name: len(rows) for name, rows in content(bare).items() if rows} == dict.fromkeys(
        ("access_keys", "chunks", "jobs", "passes", "result_sets"), ROWS
    )


def test_a_step_that_fails_leaves_everything_as_it_was(bare: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    up_to(bare, chosen("0002"), monkeypatch)
    with writing(bare) as connection:
        connection.execute(text("CREATE TABLE celebrities (id INTEGER)"))  # 0003 makes others before it
    before = content(bare)
    with pytest.raises(sa.exc.DatabaseError, match="celebrities"):
        migrate(bare)
    assert (schema_of(bare), content(bare)) == (chosen("0002"), before)


def test_rows_that_refer_to_a_table_outlive_its_remaking(engine: Engine) -> None:
    """SQLite changes a column by copying its table and dropping the old one, which would delete what refers to it."""
    fill(engine, {"passes", "chunks"})

    def step(connection: sa.Connection) -> None:
        with Operations(MigrationContext.configure(connection)).batch_alter_table("passes") as batch:
            batch.alter_column("bucket", type_=sa.String(length=300), existing_type=sa.String(length=255))

    migrating._alone(engine, step)
    assert {name: len(rows) for name, rows in content(engine).items() if rows} == {"passes": ROWS, "chunks": ROWS}
    if engine.dialect.name == "sqlite":
        with reading(engine) as connection:
            assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1


def test_the_service_goes_on_while_the_schema_changes(engine: Engine, database_url: str) -> None:
    """Transactions that touch tables in another order than the migrations do: nobody fails, nothing is lost."""
    fill(engine, {"passes", "jobs", "topics", "collections"})
    errors: list[BaseException] = []
    done = [0]
    stop = threading.Event()

    def serve() -> None:
        mine = connect(database_url)
        try:
            while not stop.is_set():
                with writing(mine) as connection:
                    for table in ("jobs", "topics", "collections"):
                        connection.execute(text(f"UPDATE {table} SET name = name || ''"))
                done[0] += 1
        except BaseException as error:
            errors.append(error)
        finally:
            mine.dispose()

    thread = threading.Thread(target=serve)
    thread.start()
    for _ in range(2):
        begun = done[0]
        downgrade(engine, chosen("0003"))
        migrate(engine)
        while not errors and done[0] == begun:
            stop.wait(0.001)
    stop.set()
    thread.join()
    assert errors == []
    assert schema_of(engine) == head()
    assert len(content(engine)["jobs"]) == ROWS


def test_a_process_that_may_not_upgrade_says_what_to_run(bare: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SetupError, match=r"schema is empty.*reelsight database upgrade"):
        migrate(bare, upgrade=False)
    up_to(bare, chosen("0003"), monkeypatch)
    with pytest.raises(SetupError, match=r"schema is 0003.*REELSIGHT_AUTO_UPGRADE"):
        migrate(bare, upgrade=False)
    assert schema_of(bare) == chosen("0003")
    migrate(bare)
    migrate(bare, upgrade=False)
    assert schema_of(bare) == head()


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("0999", None),
        ("0999_needs_0003", None),
        ("0999_needs_0998", "needs a version of Reelsight that knows 0998"),
        ("drop table", "no version of Reelsight"),
    ],
)
def test_older_code_works_with_a_newer_schema_or_says_that_it_cannot(
    engine: Engine, name: str, complaint: str | None
) -> None:
    with writing(engine) as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = :name"), {"name": name})
    before = sa.inspect(engine).get_table_names()
    if complaint is None:
        migrate(engine)
        with pytest.raises(SetupError, match="does not know 0999"):
            downgrade(engine, known()[0])
    else:
        for attempt in (lambda: migrate(engine), lambda: downgrade(engine, known()[0])):
            with pytest.raises(SetupError):
                attempt()
        with pytest.raises(SetupError, match=complaint):
            migrate(engine)
    assert sa.inspect(engine).get_table_names() == before


def test_revisions_never_need_less_than_those_before() -> None:
    assert [revision.number for revision in known()] == list(range(1, len(known()) + 1))
    assert [revision.needs for revision in known()] == sorted(revision.needs for revision in known())
    assert all(revision.needs <= revision.number for revision in known())
    assert parsed("0010_needs_0009") == Revision(10, 9, "0010_needs_0009")


def test_an_unknown_revision_is_refused_with_those_there_are(engine: Engine) -> None:
    for name in ("", "9", "9999", "head", "-1", "0001; DROP TABLE jobs"):
        with pytest.raises(SetupError, match="there are 0001, 0002"):
            chosen(name)
    assert schema_of(engine) == head()
