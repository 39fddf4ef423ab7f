#!/usr/bin/env python3
"""How long a search among many faces takes, beside what it is made of.

    scripts/bench_faces.py [--faces 1000000] [--repeat 9] [--json FILE]

The faces are synthetic: unit vectors in random directions, and 20 of each of 1000 people at a cosine of about 0.7. Queries are
such people. Times are medians over warm files; `read` is the time to read the codes once, the floor of any search that looks at all
of them. `float32` is the same exact search by BLAS over the float32 matrix. Machines are noisy: read the ratios, not the seconds.
"""

import in_venv

in_venv.enter()

import argparse
import json
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pipeline.faces.files import MatrixFiles
from pipeline.faces.matrix import DIMENSIONS, Matrix
from pipeline.faces.search import BLOCK, search
from pipeline.media.types import F32

PEOPLE, PHOTOS = 1000, 20
LEAST, LIMIT = 0.35, 100
BATCH = 50_000


def main() -> None:
    """Prints one line per number of queries."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    random = np.random.default_rng(7)
    people = unit(random.standard_normal((PEOPLE, DIMENSIONS), np.float32))
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        matrix = filled(Path(folder), random, people, arguments.faces)
        print(f"{arguments.faces} faces written in {time.perf_counter() - begun:.1f} s")
        read = median(lambda: matrix.codes.view(np.uint64).max(), arguments.repeat)
        print(f"read {read * 1e3:.1f} ms")
        figures = [measured(matrix, random, people, count, arguments.repeat, read) for count in (1, 8, 32)]
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")


def filled(folder: Path, random: np.random.Generator, people: F32, count: int) -> Matrix:
    """A matrix of so many faces."""
    files = MatrixFiles(folder)
    with files.locked():
        state = files.begin()
        for start in range(0, count, BATCH):
            size = min(BATCH, count - start)
            vectors = unit(random.standard_normal((size, DIMENSIONS), np.float32))
            known = np.arange(start, start + size) % max(1, count // (PEOPLE * PHOTOS)) == 0
            who = random.integers(0, PEOPLE, size)
            vectors[known] = unit(people[who[known]] + vectors[known])
            ids = [uuid.UUID(bytes=random.bytes(16)).bytes for _ in range(size)]
            state = files.append(state, range(start, start + size), ids, vectors)
        files.commit(state)
        return files.open(state)


def measured(
    matrix: Matrix, random: np.random.Generator, people: F32, count: int, repeat: int, read: float
) -> dict[str, float]:
    """Times in seconds, and how they compare."""
    noise = unit(random.standard_normal((count, DIMENSIONS), np.float32))
    queries = unit(people[random.integers(0, PEOPLE, count)] + noise)
    ours = median(lambda: search(matrix, queries, LEAST, LIMIT), repeat)
    plain = median(lambda: by_blas(matrix, queries), max(3, repeat // 3))
    same = [[face for _, face in one] for one in search(matrix, queries, LEAST, LIMIT)]
    assert [len(one) for one in same] == by_blas(matrix, queries), "the searches differ"
    print(
        f"{count} queries: {ours * 1e3:.1f} ms, {ours / read:.1f} times the read; "
        f"float32 {plain * 1e3:.1f} ms, {plain / ours:.1f} times ours"
    )
    return {"queries": count, "search_s": ours, "read_s": read, "float32_s": plain}


def by_blas(matrix: Matrix, queries: F32) -> list[int]:
    """How many faces each query finds, by float32 products."""
    found = np.zeros(len(queries), int)
    for start in range(0, len(matrix.vectors), BLOCK):
        found += (matrix.vectors[start : start + BLOCK] @ queries.T >= LEAST).sum(axis=0)
    return [min(LIMIT, int(one)) for one in found]


def unit(vectors: F32) -> F32:
    """The rows at length 1."""
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def median(call: Callable[[], object], repeat: int) -> float:
    """Seconds."""
    call()
    spent = []
    for _ in range(repeat):
        begun = time.perf_counter()
        call()
        spent.append(time.perf_counter() - begun)
    return statistics.median(spent)


if __name__ == "__main__":
    main()
