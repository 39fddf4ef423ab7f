"""The search of a collection follows the database, whatever happens to the files in between, on both databases."""

import multiprocessing
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine

from pipeline.faces import fill as module
from pipeline.faces.files import MatrixFiles
from pipeline.faces.index import CollectionGoneError, FaceIndex
from pipeline.media.types import F32
from pipeline.store import collections, faces
from pipeline.store.collections import Collection
from pipeline.store.engine import connect, reading, writing
from tests.support.databases import database_url, engine, postgres_server
from tests.support.jobs_installation import ACCOUNT
from tests.support.known_faces import compared, create, discard, keep, people

__all__ = ["database_url", "engine", "postgres_server"]

QUERIES = people(1000, 4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "faces"


def found(
    index: FaceIndex, queries: F32 = QUERIES, least: float = 0.2, limit: int = 20
) -> list[list[tuple[float, str]]]:
    return [[(cosine, face.id) for cosine, face in one] for one in index.search(queries, least, limit)]


def assert_right(engine: Engine, index: FaceIndex, least: float = 0.2, limit: int = 20) -> None:
    expected = compared(engine, QUERIES, least, limit)
    assert found(index, QUERIES, least, limit) == expected


def index_of(engine: Engine, folder: Path) -> FaceIndex:
    with reading(engine) as connection:
        return FaceIndex(engine, folder, collections.get(connection, ACCOUNT, "people"))


def only_folder(folder: Path) -> Path:
    (one,) = folder.iterdir()
    return one


def test_the_index_follows_the_collection(engine: Engine, folder: Path) -> None:
    create(engine)
    index = index_of(engine, folder)
    assert found(index) == [[]] * 4
    kept = keep(engine, people(1, 60))
    assert_right(engine, index)
    discard(engine, kept[::3])
    assert_right(engine, index)
    keep(engine, people(2, 30))
    discard(engine, kept[1:2])
    assert_right(engine, index, least=-1.0, limit=1000)
    assert len(found(index, least=-1.0, limit=1000)[0]) == 69
    assert_right(engine, index_of(engine, folder))


def test_matches_are_the_faces_themselves(engine: Engine, folder: Path) -> None:
    create(engine)
    vectors = people(1, 5)
    kept = keep(engine, vectors)
    matches = index_of(engine, folder).search(vectors, 0.999, 1)
    assert [one[0][1] for one in matches] == kept
    assert all(one[0][0] == pytest.approx(1, abs=1e-6) for one in matches)


def test_only_what_changed_is_read(engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    vectors = faces.vectors

    def counted(*arguments: object) -> object:
        for one in vectors(*arguments):  # type: ignore[arg-type]
            read.append(one[0])
            yield one

    monkeypatch.setattr(module.faces, "vectors", counted)
    create(engine)
    kept = keep(engine, people(1, 40))
    index = index_of(engine, folder)
    for _ in range(2):
        index.search(QUERIES, 0.2, 20)
    assert read == list(range(40))
    discard(engine, kept[:3])
    index.search(QUERIES, 0.2, 20)
    keep(engine, people(2, 5))
    for one in (index, index_of(engine, folder)):
        one.search(QUERIES, 0.2, 20)
    assert read == list(range(45))


def test_files_of_mostly_removed_faces_begin_anew(
    engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SPARE_ROWS", 10)
    create(engine)
    index = index_of(engine, folder)
    kept = keep(engine, people(1, 40))
    index.search(QUERIES, 0.2, 20)
    files = MatrixFiles(only_folder(folder))
    before = files.state()
    discard(engine, kept[:35])
    index.search(QUERIES, 0.2, 20)
    keep(engine, people(2, 1))
    assert_right(engine, index)
    after = files.state()
    assert before is not None
    assert after is not None
    assert (before.rows, after.rows, after.removed, after.files != before.files) == (40, 6, 0, True)
    assert len(list(only_folder(folder).iterdir())) == 5


def test_an_index_that_missed_forgotten_removals_begins_anew(
    engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faces, "SPARE_REMOVALS", 2)
    create(engine)
    kept = keep(engine, people(1, 20))
    index, current = index_of(engine, folder), index_of(engine, folder.with_name("other"))
    for one in (index, current):
        one.search(QUERIES, 0.2, 20)
    for n in range(0, 18, 2):
        discard(engine, kept[n : n + 2])
        assert_right(engine, current)
    assert_right(engine, index, least=-1.0)


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)


def _scribble(path: Path) -> None:
    path.write_bytes(b"\0" * 100)


@pytest.mark.parametrize(
    ("kind", "harm"),
    [
        ("state", _cut),
        ("state", _flip),
        ("state", _scribble),
        ("state", Path.unlink),
        ("*.vectors", _cut),
        ("*.codes", _cut),
        ("*.rows", _cut),
        ("*.vectors", Path.unlink),
        ("*.rows", Path.unlink),
    ],
)
def test_damaged_files_are_made_anew(engine: Engine, folder: Path, kind: str, harm: Callable[[Path], None]) -> None:
    create(engine)
    keep(engine, people(1, 50))
    index_of(engine, folder).search(QUERIES, 0.2, 20)
    (damaged,) = only_folder(folder).glob(kind)
    harm(damaged)
    assert_right(engine, index_of(engine, folder))
    keep(engine, people(2, 5))
    assert_right(engine, index_of(engine, folder))


def test_the_cache_may_be_deleted_at_any_time(engine: Engine, folder: Path) -> None:
    create(engine)
    kept = keep(engine, people(1, 50))
    index = index_of(engine, folder)
    assert_right(engine, index)
    shutil.rmtree(folder)
    assert_right(engine, index)
    discard(engine, kept[:10])
    assert_right(engine, index)
    shutil.rmtree(folder)
    assert_right(engine, index_of(engine, folder))


def test_what_a_killed_writer_left_behind_the_rows_is_written_over(engine: Engine, folder: Path) -> None:
    create(engine)
    keep(engine, people(1, 30))
    index_of(engine, folder).search(QUERIES, 0.2, 20)
    files = MatrixFiles(only_folder(folder))
    state = files.state()
    assert state is not None
    files.append(state, range(30, 37), [bytes(range(16))] * 7, QUERIES[[0] * 7])
    assert_right(engine, index_of(engine, folder))
    keep(engine, people(2, 3))
    assert_right(engine, index_of(engine, folder))


def test_files_of_another_history_are_noticed(engine: Engine, folder: Path) -> None:
    """As after a database was restored from a backup: same collection, same revision, other faces."""
    create(engine)
    keep(engine, people(1, 30))
    index = index_of(engine, folder)
    index.search(QUERIES, 0.2, 20)
    with writing(engine) as connection:
        connection.exec_driver_sql("UPDATE faces SET id = '1' || substr(id, 2), position = position + 100")
    assert_right(engine, index)


def test_a_deleted_collection_cannot_be_searched_and_its_files_go(engine: Engine, folder: Path) -> None:
    old = create(engine)
    keep(engine, people(1, 10))
    index = index_of(engine, folder)
    index.search(QUERIES, 0.2, 20)
    with writing(engine) as connection:
        collections.remove(connection, ACCOUNT, "people")
    with pytest.raises(CollectionGoneError):
        index.search(QUERIES, 0.2, 20)
    new = create(engine)
    keep(engine, people(2, 5))
    assert_right(engine, index_of(engine, folder))
    assert old.id != new.id
    assert {path.name for path in folder.iterdir()} == {new.id}


def _adding(url: str, seed: int, count: int) -> None:
    engine = connect(url)
    for n in range(count):
        kept = keep(engine, people(seed + n, 8))
        if n % 2:
            discard(engine, kept[:3])
    engine.dispose()


def _searching(url: str, folder: Path, collection: Collection) -> None:
    engine = connect(url)
    while True:
        FaceIndex(engine, folder, collection).search(QUERIES, 0.2, 20)


def test_two_processes_add_and_remove_while_a_third_searches(engine: Engine, database_url: str, folder: Path) -> None:
    create(engine)
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_adding, args=(database_url, seed, 6)) for seed in (100, 200)]
    for process in writers:
        process.start()
    index, sizes = index_of(engine, folder), []
    try:
        while any(writer.is_alive() for writer in writers):
            one = index.search(QUERIES, -1.0, 4096)[0]
            sizes.append(len(one))
            assert [cosine for cosine, _ in one] == sorted((cosine for cosine, _ in one), reverse=True)
        assert [writer.exitcode for writer in writers] == [0, 0]
    finally:
        for process in writers:
            process.kill()
            process.join()
    assert sizes[-1] >= sizes[0]
    assert_right(engine, index, least=-1.0, limit=4096)
    assert len(found(index, least=-1.0, limit=4096)[0]) == 2 * (6 * 8 - 3 * 3)
    assert_right(engine, index_of(engine, folder), least=-1.0, limit=4096)


def test_searchers_that_are_killed_leave_files_that_are_right(engine: Engine, database_url: str, folder: Path) -> None:
    collection = create(engine)
    spawn, chance = multiprocessing.get_context("spawn"), random.Random(5)
    for n in range(2):
        reader = spawn.Process(target=_searching, args=(database_url, folder, collection))
        reader.start()
        deadline = time.monotonic() + 20
        while not (folder / collection.id / "lock").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        for m in range(chance.randrange(2, 6)):
            kept = keep(engine, people(100 * n + m, 20))
            discard(engine, kept[:5])
        time.sleep(chance.random() / 20)
        assert reader.pid is not None
        os.kill(reader.pid, signal.SIGKILL)
        reader.join()
        assert_right(engine, index_of(engine, folder), least=-1.0, limit=4096)
