"""Measuring for `bench_faces.py`: times, memory, disk and recall."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine, text

from pipeline.faces.search import BLOCK
from pipeline.media.types import F32
from pipeline.store.engine import reading

TABLE = "faces"


class Figures(dict[str, Any]):
    """Names and values, printed as they come."""

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        shown = {key: _shown(one) for key, one in value.items()} if isinstance(value, Mapping) else _shown(value)
        print(f"{name}: {shown}", flush=True)

    def time(self, name: str, seconds: float, count: int) -> None:
        """Seconds for so many faces."""
        self[name] = {"s": seconds, "per_s": count / seconds}

    def quantiles(self, name: str, call: Callable[[], object], count: int) -> None:
        """Milliseconds of so many calls, and of the processor in this process per call: the latter does not depend on who else is there."""
        call()
        begun = time.process_time()
        values = [timed(call) for _ in range(count)]
        cpu_s = (time.process_time() - begun) / count
        p50, p99 = (float(value) for value in np.percentile(values, (50, 99)) * 1e3)
        self[name] = {"cpu_ms": cpu_s * 1e3, "p50_ms": p50, "p99_ms": p99, "max_ms": max(values) * 1e3, "calls": count}


def _shown(value: Any) -> Any:
    return f"{value:.4g}" if isinstance(value, float) else value


def timed(call: Callable[[], object]) -> float:
    """Seconds."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def median(call: Callable[[], object], repeat: int) -> float:
    """Seconds, after a call that warms up."""
    call()
    return statistics.median(timed(call) for _ in range(repeat))


def memory() -> dict[str, int]:
    """Bytes of this process that are resident: of its own, and of mapped files, which all processes share."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines())
    own, files, shared = (int(lines[name].split()[0]) * 1024 for name in ("RssAnon", "RssFile", "RssShmem"))
    return {"own": own, "shared": files + shared}


def disk_bytes(engine: Engine, file: Path) -> int:
    """Of the faces in the database, with what finds them."""
    if engine.dialect.name == "sqlite":
        return sum(path.stat().st_size for path in file.parent.glob(f"{file.name}*"))
    with reading(engine) as connection:
        return int(connection.execute(text(f"SELECT pg_total_relation_size('{TABLE}')")).scalar_one())


def by_blas(vectors: F32, queries: F32, least: float, limit: int) -> list[int]:
    """How many faces each query finds, by float32 products."""
    found = np.zeros(len(queries), int)
    for start in range(0, len(vectors), BLOCK):
        found += (vectors[start : start + BLOCK] @ queries.T >= least).sum(axis=0)
    return [min(limit, int(one)) for one in found]


def recalls(vectors: F32, queries: F32, found: Sequence[Sequence[float]]) -> dict[str, float]:
    """Share of the nearest 1, 10 and 100, by float64 products of all, that were found: cosines, as equals are equally right."""
    best = np.empty((0, len(queries)))
    exact = queries.T.astype(np.float64)
    for start in range(0, len(vectors), BLOCK):
        best = np.concatenate([best, vectors[start : start + BLOCK].astype(np.float64) @ exact])
        best = np.partition(best, max(0, len(best) - 100), axis=0)[-100:]
    best = -np.sort(-best, axis=0)
    hits = {
        count: [
            (np.asarray(one[:count]) >= best[min(count, len(best)) - 1, n] - 1e-12).sum() for n, one in enumerate(found)
        ]
        for count in (1, 10, 100)
    }
    return {f"at_{count}": float(np.mean(values)) / min(count, len(best)) for count, values in hits.items()}
