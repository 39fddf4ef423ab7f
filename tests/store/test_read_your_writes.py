"""Who is told that a face was indexed finds it, whichever process asks; the same call many times at once keeps a face once."""

import multiprocessing
import threading
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from pipeline.faces.index import FaceIndex
from pipeline.store import collections, faces
from pipeline.store.collections import Collection
from pipeline.store.engine import connect, reading, writing
from pipeline.store.faces import Face, Image, NewFace
from tests.support.databases import database_url, engine, postgres_server
from tests.support.jobs_installation import ACCOUNT
from tests.support.known_faces import BOX, create, discard, image_of, keep, people

__all__ = ["database_url", "engine", "postgres_server"]

WRITERS, CALLS = 2, 6


def _index(url: str, seed: int, told: Pipe) -> None:
    """Keeps one face after the other, and tells of each once the transaction has ended."""
    engine = connect(url)
    told.recv()
    for n in range(CALLS):
        (vector,) = people(seed + n, 1)
        with writing(engine) as connection:
            (kept,) = faces.add(connection, ACCOUNT, "people", image_of(vector), [NewFace(BOX, 99.0, vector.tobytes())])
        told.send((seed + n, kept.id))
    told.close()
    engine.dispose()


def _search(url: str, folder: Path, collection: Collection, asked: Pipe) -> None:
    """Answers which face is nearest to one, until there are no more questions."""
    engine = connect(url)
    index = FaceIndex(engine, folder, collection)
    while (seed := asked.recv()) is not None:
        (found,) = index.search(people(seed, 1), 0.999, 1)
        asked.send([face.id for _, face in found])
    engine.dispose()


@pytest.mark.slow
def test_every_process_finds_every_face_whose_call_has_answered(
    engine: Engine, database_url: str, tmp_path: Path
) -> None:
    """Two searchers share the files of a machine, a third is another machine."""
    collection, spawn = create(engine), multiprocessing.get_context("spawn")
    told = [spawn.Pipe() for _ in range(WRITERS)]
    asked = [spawn.Pipe()]
    processes = [
        spawn.Process(target=_index, args=(database_url, 100 * (n + 1), there)) for n, (_, there) in enumerate(told)
    ]
    processes += [
        spawn.Process(target=_search, args=(database_url, tmp_path / "cache", collection, there)) for _, there in asked
    ]
    for process in processes:
        process.start()
    indices = [FaceIndex(engine, tmp_path / name, collection) for name in ("cache", "elsewhere")]
    try:
        for here, _ in told:
            here.send("begin")
        for n in range(CALLS):
            for here, _ in told:
                assert here.poll(60)
                seed, face = here.recv()
                for searcher, _ in asked:
                    searcher.send(seed)
                for index in indices:
                    (found,) = index.search(people(seed, 1), 0.999, 1)
                    assert [one.id for _, one in found] == [face], n
                for searcher, _ in asked:
                    assert searcher.poll(60)
                    assert searcher.recv() == [face], n
    finally:
        for searcher, _ in asked:
            searcher.send(None)
        for process in processes:
            process.join(30)
            process.kill()


def test_a_face_that_is_removed_while_matches_are_looked_up_costs_nobody_the_files(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are given up only where they tell of another database: a million faces take long to be read again."""
    index = FaceIndex(engine, tmp_path, create(engine))
    first, second = keep(engine, people(1, 2, clusters=1))
    index.search(people(1, 1), -1.0, 10)
    before = sorted(path.name for path in tmp_path.rglob("*.codes"))
    look_up = faces.by_id

    def late(*arguments: Any) -> dict[str, Face]:
        monkeypatch.setattr(faces, "by_id", look_up)
        discard(engine, [second])
        return look_up(*arguments)

    monkeypatch.setattr(faces, "by_id", late)
    index.search(people(1, 1), -1.0, 10)
    (found,) = index.search(people(1, 1), -1.0, 10)
    assert [face.id for _, face in found] == [first.id]
    assert sorted(path.name for path in tmp_path.rglob("*.codes")) == before


def test_the_same_call_eight_times_at_once_keeps_its_faces_once(engine: Engine, database_url: str) -> None:
    create(engine)
    vectors = people(1, 3)
    found = [
        NewFace({**BOX, "Left": 0.1 + 0.3 * n, "Width": 0.2}, 99.0, vector.tobytes())
        for n, vector in enumerate(vectors)
    ]
    picture, start, answers = Image("ab" * 32, "beach"), threading.Barrier(8), list[list[Face]]()

    def call() -> None:
        own = connect(database_url)
        with own.connect():
            start.wait(30)
        with writing(own) as connection:
            kept = faces.add(connection, ACCOUNT, "people", picture, found)
        answers.append(kept)
        own.dispose()

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [[face.id for face in one] for one in answers] == [[face.id for face in answers[0]]] * 8
    assert len({face.id for face in answers[0]}) == 3
    with reading(engine) as connection:
        collection = collections.get(connection, ACCOUNT, "people")
        kept = faces.listed(connection, collection, -1, 100)
    assert [face.position for face in kept] == [0, 1, 2]
    assert (collection.faces, collection.next_position, collection.revision) == (3, 3, 1)


def test_positions_are_never_used_again_while_faces_come_and_go_at_once(engine: Engine, database_url: str) -> None:
    create(engine)
    seen: list[int] = []

    def come_and_go(seed: int) -> None:
        own = connect(database_url)
        for n in range(6):
            (vector,) = people(seed + n, 1)
            with writing(own) as connection:
                (kept,) = faces.add(
                    connection, ACCOUNT, "people", image_of(vector), [NewFace(BOX, 99.0, vector.tobytes())]
                )
            seen.append(kept.position)
            if n % 2:
                discard(own, [kept])
        own.dispose()

    threads = [threading.Thread(target=come_and_go, args=(1000 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(24))
    with reading(engine) as connection:
        collection = collections.get(connection, ACCOUNT, "people")
    assert (collection.faces, collection.next_position) == (12, 24)
