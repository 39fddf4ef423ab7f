#!/usr/bin/env python3
"""How fast, how large and how right the search in a large collection is, beside what it is made of.

    scripts/bench_faces.py [--faces 1000000] [--repeat 9] [--searches 300] [--database-url URL] [--peers] [--json FILE]

The faces are synthetic: unit vectors in random directions, and 20 of each of 1000 people at a cosine of about 0.7. Queries are
such people. They are kept as IndexFaces keeps them, many per transaction, in a database of its own (SQLite in a temporary folder; with
--database-url in that one, in a collection that is removed at the end), and searched as SearchFaces does, with the look at the
database that makes every answered IndexFaces seen. `read` is the time to read the codes once, the floor of any search that looks at
all of them; `float32` is the same exact search by BLAS over the float32 matrix. `--peers` adds approximate indices of faiss.
Machines are noisy: read the ratios, not the seconds.
"""

import in_venv

in_venv.enter()

import argparse
import json
import multiprocessing
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from face_crowd import Crowd
from face_figures import Figures, by_blas, disk_bytes, median, memory, recalls, timed
from sqlalchemy import Engine

from pipeline.faces.fill import BehindError
from pipeline.faces.index import FaceIndex
from pipeline.faces.search import search
from pipeline.store import collections
from pipeline.store.collections import Collection
from pipeline.store.engine import connect, writing
from pipeline.store.metadata import utcnow
from pipeline.store.migrate import migrate

ACCOUNT, NAME = "000000000000", "bench"
LEAST, LIMIT = 0.35, 100
REQUEST_S = 10.0
"""What a request may spend on reading faces: a third of the 30 s that it has."""


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--searches", type=int, default=300)
    parser.add_argument("--database-url")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measured(Path(folder), arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")


def measured(folder: Path, arguments: argparse.Namespace) -> Figures:
    """All figures of a new collection; see `report`."""
    figures = Figures()
    url = arguments.database_url or f"sqlite:///{folder / 'bench.db'}"
    engine = connect(url)
    migrate(engine)
    figures["database"] = engine.dialect.name
    with writing(engine) as connection:
        if collections.find(connection, ACCOUNT, NAME):  # of a run that was ended
            collections.remove(connection, ACCOUNT, NAME)
        collection = collections.create(connection, ACCOUNT, NAME, "us-east-1", utcnow())
    try:
        crowd = Crowd(arguments.faces)
        figures.time("index", timed(lambda: crowd.keep(engine, ACCOUNT, NAME)), arguments.faces)
        figures["database_mb"] = disk_bytes(engine, folder / "bench.db") / 1e6
        search_all(figures, engine, url, folder, collection, crowd, arguments)
    finally:
        with writing(engine) as connection:
            collections.remove(connection, ACCOUNT, NAME)
        with writing(engine) as connection:
            while arguments.database_url and collections.clear_removed(connection, 100_000):
                pass
        engine.dispose()
    return figures


def search_all(
    figures: Figures,
    engine: Engine,
    url: str,
    folder: Path,
    collection: Collection,
    crowd: Crowd,
    arguments: argparse.Namespace,
) -> None:
    """The filling of the files, and searches in them."""
    before = memory()
    index = FaceIndex(engine, folder / "cache", collection, REQUEST_S)
    figures.time("cold_fill", timed(lambda: fill(figures, index, crowd)), arguments.faces)
    figures["cache_mb"] = sum(p.stat().st_blocks * 512 for p in (folder / "cache").rglob("*")) / 1e6

    def once() -> object:
        return index.search(crowd.queries(1), LEAST, LIMIT)

    figures.quantiles("search", once, arguments.searches)
    everything = crowd.queries(1)
    figures.quantiles("threshold_0_of_4096", lambda: index.search(everything, -1.0, 4096), 20)
    for kind, used in memory().items():
        figures[f"memory_{kind}_mb"] = (used - before[kind]) / 1e6
    figures["mapped_mb"] = index.mapped_bytes / 1e6
    added = iter(range(10**9, 2 * 10**9))
    figures.quantiles("keep_one", lambda: crowd.keep_one(engine, ACCOUNT, NAME, next(added)), 100)
    while_writing(figures, url, index, crowd, arguments.searches)
    parts(figures, index, crowd, arguments.repeat)
    if arguments.peers:
        peers(folder, crowd)


def fill(figures: Figures, index: FaceIndex, crowd: Crowd) -> None:
    """Asks until there is an answer, as clients do."""
    calls, answered = 0, False
    while not answered:
        calls += 1
        try:
            answered = bool(index.search(crowd.queries(1), LEAST, LIMIT))
        except BehindError as error:
            print(f"  {error.message}")
    figures["cold_fill_calls"] = calls


def while_writing(figures: Figures, url: str, index: FaceIndex, crowd: Crowd, searches: int) -> None:
    """Searches while another process adds one face after the other, as fast as it can; the last ones are found."""
    spawn = multiprocessing.get_context("spawn")
    added, stop = spawn.Value("q", 0), spawn.Event()
    writer = spawn.Process(target=_write, args=(url, crowd.count, added, stop))
    writer.start()
    while not added.value:
        stop.wait(0.01)
    first = added.value
    figures.quantiles("search_while_writing", lambda: index.search(crowd.queries(1), LEAST, LIMIT), searches)
    figures["faces_added_meanwhile"] = added.value - first
    stop.set()
    writer.join()
    for number in range(max(0, added.value - 20), added.value):
        (found,) = index.search(crowd.one(crowd.count + number), 0.999, 1)
        assert found, "a face that was added is not found"


def _write(
    url: str, start: int, added: "multiprocessing.sharedctypes.Synchronized[int]", stop: Callable[[], bool]
) -> None:
    engine, crowd = connect(url), Crowd(0)
    while not stop.is_set():
        crowd.keep_one(engine, ACCOUNT, NAME, start + added.value)
        added.value += 1
    engine.dispose()


def parts(figures: Figures, index: FaceIndex, crowd: Crowd, repeat: int) -> None:
    """The search alone, beside its floor and beside BLAS, and whether it finds what it should."""
    matrix = index.matrix()
    read = median(lambda: matrix.codes.view(np.uint64).max(), repeat)
    figures["read_ms"] = read * 1e3
    vectors = matrix.vectors[np.arange(len(matrix.codes))]
    for count in (1, 8, 32):
        queries = crowd.queries(count)
        ours = median(lambda q=queries: search(matrix, q, LEAST, LIMIT), repeat)
        plain = median(lambda q=queries: by_blas(vectors, q, LEAST, LIMIT), max(3, repeat // 3))
        figures[f"{count}_queries"] = {
            "ms": ours * 1e3,
            "times_the_read": ours / read,
            "float32_ms": plain * 1e3,
            "float32_times_ours": plain / ours,
        }
    queries = crowd.queries(32)
    found = search(matrix, queries, -1.0, 100)
    figures["recall"] = recalls(vectors, queries, [[cosine for cosine, _ in one] for one in found])


def peers(folder: Path, crowd: Crowd) -> None:
    """What faiss does with the same vectors, in an environment of its own."""
    import subprocess

    np.save(folder / "vectors.npy", crowd.all())
    np.save(folder / "queries.npy", crowd.queries(100))
    subprocess.run([sys.executable, Path(__file__).with_name("peers_faces.py"), folder], check=True)


if __name__ == "__main__":
    main()
