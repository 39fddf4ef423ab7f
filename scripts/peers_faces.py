#!/usr/bin/env python3
"""What indices of faiss take for the vectors of `bench_faces.py --peers`, and which of the nearest faces they find.

    scripts/peers_faces.py FOLDER        # with vectors.npy and queries.npy

Runs in the virtual environment of `peers.py`. Approximate indices are made as faiss advises for a million vectors.
Source: faiss, "Guidelines to choose an index".
"""

import in_venv

in_venv.enter(*in_venv.PEERS)

import sys
import time
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np

COUNT = 100


def main() -> None:
    """Prints a line per index and setting."""
    folder = Path(sys.argv[1])
    vectors, queries = np.load(folder / "vectors.npy"), np.load(folder / "queries.npy")
    exact = faiss.IndexFlatIP(vectors.shape[1])
    exact.add(vectors)
    _, right = exact.search(queries, COUNT)
    report("faiss Flat (exact, float32)", exact, queries, right, 0.0)
    for name, text, settings in (
        ("faiss IVF4096,Flat", "IVF4096,Flat", ("nprobe=16", "nprobe=64", "nprobe=256")),
        ("faiss HNSW32", "HNSW32", ("efSearch=64", "efSearch=256")),
    ):
        index = faiss.index_factory(vectors.shape[1], text, faiss.METRIC_INNER_PRODUCT)
        spent = seconds(lambda made=index: filled(made, vectors))
        for setting in settings:
            faiss.ParameterSpace().set_index_parameters(index, setting)
            report(f"{name} {setting}", index, queries, right, spent)


def filled(index: "faiss.Index", vectors: np.ndarray) -> None:
    """Trains the index and adds all vectors."""
    index.train(vectors[:: max(1, len(vectors) // 200_000)])
    index.add(vectors)


def report(name: str, index: "faiss.Index", queries: np.ndarray, right: np.ndarray, build_s: float) -> None:
    """One line: milliseconds of single searches, recall, time to build."""
    found, spent = [], []
    for query in queries:
        begun = time.perf_counter()
        found.append(index.search(query[None], COUNT)[1][0])
        spent.append(time.perf_counter() - begun)
    recall = [
        np.mean([len(set(a[:n]) & set(b[:n])) / n for a, b in zip(found, right, strict=True)]) for n in (1, 10, COUNT)
    ]
    p50, p99 = np.percentile(spent, (50, 99)) * 1e3
    print(
        f"{name}: p50 {p50:.2f} ms, p99 {p99:.2f} ms, recall@1/10/{COUNT} "
        f"{recall[0]:.3f}/{recall[1]:.3f}/{recall[2]:.3f}, built in {build_s:.0f} s",
        flush=True,
    )


def seconds(call: Callable[[], object]) -> float:
    """How long the call takes."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
