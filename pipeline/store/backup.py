"""A copy of the database in one file, taken while the service runs, and put back while it does not."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.engine import URL

from pipeline.errors import SetupError
from pipeline.store import revisions
from pipeline.store.engine import BUSY_TIMEOUT_S, connect, reading
from pipeline.store.revisions import Revision

BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database; another database's would damage it."""


def backup(engine: Engine, file: Path) -> None:
    """Writes one state of the database to `file`, which appears when it is whole and is readable to its owner alone.

    Raises:
        SetupError: the file exists, its folder cannot be written, or `pg_dump` is missing or fails.
    """
    if file.exists():
        raise SetupError(f"{file} exists already")
    try:
        with _appearing(file) as part:
            if engine.dialect.name == "sqlite":
                _copy(Path(engine.url.database or ""), part)
            else:
                _dump(engine.url, part)
    except OSError as error:
        raise SetupError(f"{file} cannot be written: {error.strerror}") from error
    except sqlite3.Error as error:
        raise SetupError(f"{engine.url.database} cannot be copied: {error}") from error


def restore(file: Path, database: Path) -> Revision:
    """Puts a backup in the place of a SQLite database that nobody uses; its schema.

    Raises:
        SetupError: the file is no sound backup, or this code cannot work with its schema.
    """
    with _readable(file):
        schema = _checked(file)
    with _appearing(database) as part:
        shutil.copyfile(file, part)
        for ending in BESIDE:
            database.with_name(database.name + ending).unlink(missing_ok=True)
    return schema


def _copy(database: Path, part: Path) -> None:
    """Source: SQLite Online Backup API; all pages in one step are one state, and writers of a WAL database do not wait for it."""
    with (
        contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S)) as source,
        contextlib.closing(sqlite3.connect(part)) as target,
    ):
        source.backup(target, pages=-1)
        target.execute("PRAGMA journal_mode = DELETE")  # so that it is one file, also where it is opened
    _checked(part)


def _checked(file: Path) -> Revision:
    """The schema of a sound copy of a database.

    Raises:
        SetupError: it is damaged, or something else.
    """
    engine = connect(f"sqlite:///{file}")
    try:
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True)) as opened:
            found = opened.execute("PRAGMA quick_check").fetchone()[0]
        with reading(engine) as connection:
            schema = revisions.present(connection)
    except sqlite3.DatabaseError as error:
        raise SetupError(f"{file} is not a sound database: {error}") from error
    finally:
        engine.dispose()
    if found != "ok" or schema is None:
        raise SetupError(f"{file} is not a sound backup: {found if found != 'ok' else 'it has no schema of Reelsight'}")
    revisions.check(schema)
    return schema


@contextlib.contextmanager
def _readable(file: Path) -> Iterator[None]:
    try:
        file.open("rb").close()
        yield
    except OSError as error:
        raise SetupError(f"{file} cannot be read: {error.strerror}") from error


def _dump(url: URL, part: Path) -> None:
    """Source: pg_dump's manual; it reads one snapshot. The password is not among its arguments."""
    program = shutil.which("pg_dump")
    if program is None:
        raise SetupError(
            "pg_dump is not on PATH; install PostgreSQL's client programs, of the server's version or newer"
        )
    plain = url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
    environment = {**os.environ, **({"PGPASSWORD": str(url.password)} if url.password else {})}
    command = [program, "--format=custom", "--no-owner", "--no-privileges", f"--file={part}", f"--dbname={plain}"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - found above
    if ended.returncode:
        raise SetupError(f"pg_dump failed: {ended.stderr.strip()[-500:]}")


@contextlib.contextmanager
def _appearing(file: Path) -> Iterator[Path]:
    """A file beside that takes its name once it is whole and on disk."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    os.close(descriptor)
    part = Path(name)
    try:
        yield part
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(file)
    finally:
        for ending in ("", *BESIDE):
            part.with_name(part.name + ending).unlink(missing_ok=True)
