"""`reelsight database`: the schema of the database, and copies of it."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from sqlalchemy import Engine, make_url, text

from api.commands.serve import only_one
from pipeline import logs
from pipeline.commandline import data_dir_option
from pipeline.errors import SetupError
from pipeline.settings import Settings, settings_of
from pipeline.store import backup as copies
from pipeline.store import migrate, revisions
from pipeline.store.engine import connect, reading

OLDER, UNUSABLE = 3, 4
"""Exit statuses of `status`."""


@click.group()
def database() -> None:
    """Tells, changes, copies and restores the database."""


@database.command()
@data_dir_option
def status(data_dir: Path | None) -> None:
    """Tells the schema of the database and the one of this version; ends with status 3 if it must be upgraded, 4 if it is too new."""
    with _opened(settings_of(data_dir)) as engine:
        schema, code = migrate.schema_of(engine), revisions.head()
    click.echo(f"database  {schema.name if schema else 'empty'}\nversion   {code.name}")
    if schema is None or schema.number < code.number:
        click.echo(
            "The database is older: `reelsight database upgrade`, or the next process that starts, brings it up to date."
        )
        sys.exit(OLDER)
    if schema.needs > code.number:
        click.echo(f"The database is newer and needs a version that knows {schema.needs:04}.")
        sys.exit(UNUSABLE)
    if schema.number > code.number:
        click.echo("The database is newer, and this version can work with it.")


@database.command()
@data_dir_option
def upgrade(data_dir: Path | None) -> None:
    """Brings the schema to that of this version; the service may run meanwhile."""
    with _opened(settings_of(data_dir)) as engine:
        migrate.migrate(engine)
        click.echo(f"The schema is {getattr(migrate.schema_of(engine), 'name', 'empty')}.")


@database.command()
@click.argument("revision")
@click.option("--force", is_flag=True, help="Do it although others are connected.")
@data_dir_option
def downgrade(data_dir: Path | None, revision: str, force: bool) -> None:
    """Takes the schema back to REVISION, for an older version; stop the service first, and run this with the newer version."""
    settings, target = settings_of(data_dir), revisions.chosen(revision)
    with _opened(settings) as engine, only_one(settings):
        if not force and (others := _others(engine)):
            raise SetupError(f"{others} others are connected to the database: stop the service first, or give --force")
        migrate.downgrade(engine, target)
    click.echo(f"The schema is {target.name}. Start the older version now: this one would upgrade it again.")


@database.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@data_dir_option
def backup(data_dir: Path | None, file: Path) -> None:
    """Copies the database to FILE, while the service runs or without it; on PostgreSQL with pg_dump."""
    with _opened(settings_of(data_dir)) as engine:
        copies.backup(engine, file.expanduser().resolve())
    click.echo(f"The database is in {file}. Keep the secret key with it, or it cannot be read.")


@database.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@data_dir_option
def restore(data_dir: Path | None, file: Path) -> None:
    """Puts FILE in the place of this installation's SQLite database; `serve` must not run."""
    settings = settings_of(data_dir)
    url = make_url(settings.sqlalchemy_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        raise SetupError(
            "PostgreSQL restores by itself: `pg_restore --no-owner --dbname=URL FILE` into an empty database"
        )
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with only_one(settings):
        schema = copies.restore(file, Path(url.database))
        # They may tell of faces that were added after the backup.
        shutil.rmtree(settings.face_matrices_path, ignore_errors=True)
    click.echo(f"The database is that of {file}, with schema {schema.name}.")


@contextmanager
def _opened(settings: Settings) -> Iterator[Engine]:
    """The database that the settings select, as it is."""
    logs.configure("WARNING", "console")
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = connect(settings.sqlalchemy_url)
    try:
        yield engine
    finally:
        engine.dispose()


def _others(engine: Engine) -> int:
    """Connections to the database beside our own, where it can tell."""
    if engine.dialect.name == "sqlite":
        return 0
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with reading(engine) as connection:
        return int(connection.execute(text(query)).scalar() or 0)
