"""Files of many faces are filled in steps that count, whoever is stopped in between, on both databases."""

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import Engine

from pipeline.faces import files as files_module
from pipeline.faces import fill, indices, maps
from pipeline.faces.files import MatrixFiles, State
from pipeline.faces.fill import BehindError
from pipeline.faces.index import CollectionGoneError, FaceIndex
from pipeline.faces.indices import Indices
from pipeline.services import Services
from pipeline.store import collections, faces
from pipeline.store.engine import reading, writing
from tests.support.databases import database_url, engine, postgres_server
from tests.support.jobs_installation import ACCOUNT, queue, services
from tests.support.known_faces import compared, create, discard, keep, people

__all__ = ["database_url", "engine", "postgres_server", "queue", "services"]

QUERIES = people(1000, 3)


class StoppedError(BaseException):
    """Stands for the end of the process."""


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many steps, many files' ends and many windows with few faces."""
    for module, name, value in (
        (fill, "STEP", 20),
        (fill, "WAIT_S", 0.05),
        (files_module, "LEAST_ROOM", 3),
        (maps, "WINDOW", 16),
    ):
        monkeypatch.setattr(module, name, value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "faces"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Positions of the faces that were read from the database."""
    read: list[int] = []
    vectors = faces.vectors

    def counted(*arguments: object) -> Iterator[object]:
        for one in vectors(*arguments):  # type: ignore[arg-type]
            read.append(one[0])
            yield one

    monkeypatch.setattr(fill.faces, "vectors", counted)
    return read


def index_of(engine: Engine, folder: Path) -> FaceIndex:
    with reading(engine) as connection:
        return FaceIndex(engine, folder, collections.get(connection, ACCOUNT, "people"))


def files_of(engine: Engine, folder: Path) -> MatrixFiles:
    with reading(engine) as connection:
        return MatrixFiles(folder / collections.get(connection, ACCOUNT, "people").id)


def assert_right(engine: Engine, index: FaceIndex, patience_s: float = math.inf) -> None:
    found = index.search(QUERIES, -1.0, 1000, patience_s)
    assert [[(cosine, face.id) for cosine, face in one] for one in found] == compared(engine, QUERIES, -1.0, 1000)


def steps(index: FaceIndex) -> list[str]:
    """Messages until the index is up to date, one step at a time."""
    said = []
    while True:
        try:
            index.search(QUERIES, -1.0, 1000, patience_s=0.0)
        except BehindError as error:
            said.append(error.message)
        else:
            return said


def test_what_was_read_counts_for_the_next_call(engine: Engine, folder: Path, read: list[int]) -> None:
    create(engine)
    keep(engine, people(1, 70))
    said = steps(index_of(engine, folder))
    assert [message.partition("has read ")[2] for message in said] == [
        f"{count} of 70 faces. Try your call again." for count in (20, 40, 60)
    ]
    assert read == list(range(70))
    keep(engine, people(2, 30))
    assert len(steps(index_of(engine, folder))) == 1
    assert read == list(range(100))
    assert_right(engine, index_of(engine, folder))


def test_faces_that_go_between_steps_are_not_found(engine: Engine, folder: Path) -> None:
    create(engine)
    kept = keep(engine, people(1, 70))
    index = index_of(engine, folder)
    for n in range(3):
        with pytest.raises(BehindError):
            index.search(QUERIES, -1.0, 1000, patience_s=0.0)
        discard(engine, kept[5 * n :: 15])
        kept = [face for face in kept if face not in kept[5 * n :: 15]]
        keep(engine, people(10 + n, 4))
    steps(index)
    assert_right(engine, index)
    assert_right(engine, index_of(engine, folder))


def test_removals_that_are_forgotten_between_steps_begin_the_files_anew(
    engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faces, "SPARE_REMOVALS", 0)
    create(engine)
    kept = keep(engine, people(1, 70))
    index = index_of(engine, folder)
    with pytest.raises(BehindError):
        index.search(QUERIES, -1.0, 1000, patience_s=0.0)
    before = files_of(engine, folder).state()
    discard(engine, kept[:30])
    discard(engine, kept[30:60])
    steps(index)
    after = files_of(engine, folder).state()
    assert before is not None
    assert after is not None
    assert before.files != after.files
    assert_right(engine, index)


@pytest.mark.parametrize("call", ["append", "remove", "commit", "begin"])
def test_who_is_stopped_at_any_step_leaves_files_that_are_right(
    engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Before what a step does and after it, in the first filling and in later ones."""
    create(engine)
    kept = keep(engine, people(1, 50))
    whole: Callable[..., State | None] = getattr(MatrixFiles, call)
    left = [0]

    def stopping(*arguments: object) -> State | None:
        if left[0] == 1:
            raise StoppedError
        done = whole(*arguments)
        if left[0] == 2:
            raise StoppedError
        left[0] -= 2
        return done

    for count in range(1, 9):
        monkeypatch.setattr(MatrixFiles, call, stopping)
        left[0] = count
        with suppress(StoppedError):
            index_of(engine, folder).search(QUERIES, -1.0, 1000)
        monkeypatch.setattr(MatrixFiles, call, whole)
        if count % 3 == 0:
            assert_right(engine, index_of(engine, folder))
        discard(engine, kept[count * 2 : count * 2 + 2])
        keep(engine, people(count + 2, 25))
    assert_right(engine, index_of(engine, folder))


def test_nobody_queues_behind_somebody_who_fills(engine: Engine, folder: Path) -> None:
    create(engine)
    keep(engine, people(1, 30))
    index, files = index_of(engine, folder), files_of(engine, folder)
    with files.locked(), pytest.raises(BehindError, match="has read 0 of 30"):
        index.search(QUERIES, -1.0, 10, patience_s=100.0)
    assert_right(engine, index)
    keep(engine, people(2, 3))
    with files.locked(), pytest.raises(BehindError, match="has read 30 of 33"):
        index.search(QUERIES, -1.0, 10, patience_s=100.0)
    assert_right(engine, index)


def test_somebody_who_is_not_far_behind_waits_for_the_others(
    engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fill, "WAIT_S", 30.0)
    create(engine)
    keep(engine, people(1, 10))
    files, held, release = files_of(engine, folder), threading.Event(), threading.Event()

    def hold() -> None:
        with files.locked():
            held.set()
            release.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(20)
    threading.Timer(0.05, release.set).start()
    assert_right(engine, index_of(engine, folder), patience_s=100.0)
    holder.join()


def test_threads_share_an_index_while_faces_come_and_go(engine: Engine, folder: Path) -> None:
    create(engine)
    keep(engine, people(1, 40))
    index, done, wrong = index_of(engine, folder), threading.Event(), []

    def look() -> None:
        while not done.is_set():
            for cosines in ([cosine for cosine, _ in one] for one in index.search(QUERIES, -1.0, 1000)):
                wrong.extend([cosines] if cosines != sorted(cosines, reverse=True) or len(cosines) < 40 else [])

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for n in range(8):
        kept = keep(engine, people(10 + n, 6))
        assert kept[0].id in {face.id for _, face in index.search(QUERIES, -1.0, 1000)[0]}
        discard(engine, kept[:4])
    done.set()
    for thread in threads:
        thread.join()
    assert not wrong
    assert_right(engine, index)


def test_a_process_has_one_index_of_a_collection_and_few_altogether(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indices, "KEPT", 2)
    kept = Indices()
    made = [create(services.engine, name) for name in "abc"]
    first = kept.index(services, made[0])
    assert kept.index(services, made[0]) is first
    for one in made[1:]:
        kept.index(services, one)
    assert kept.index(services, made[0]) is not first
    with writing(services.engine) as connection:
        collections.remove(connection, ACCOUNT, "c")
    with pytest.raises(CollectionGoneError, match="The collection id: c does not exist"):
        kept.index(services, made[2]).search(QUERIES, 0.0, 1)
