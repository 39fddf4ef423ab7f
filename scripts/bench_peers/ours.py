"""What Reelsight takes for the same requests, as a worker does it: one decode, models loaded before."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from pipeline import analyses, run
from pipeline.analyses.types import Parameters
from pipeline.analyze import analyze
from pipeline.catalog import OPERATIONS
from pipeline.media.tally import Tally
from pipeline.models.threads import cores
from scripts import pulled
from scripts.bench_peers.clock import Clock


def measured(video: Path, requests: Mapping[str, Parameters]) -> dict[str, Any]:
    """wall_s and cpu_s; frames decoded; items by operation; `stages`: wall seconds in each stage's `prepare` and `detect`."""
    models = pulled.library(1)
    for name in {model for operation in requests for model in analyses.load(operation).models()}:
        models.load(name)
    with counted() as tally:
        clock = Clock()
        report = analyze(video, requests, models, threads=cores())
        spent = clock.spent
    items = {name: len(answer[OPERATIONS[name].result_key]) for name, answer in report.answers.items()}
    return {**spent, "frames": tally.pictures, "items": items, "stages": stages(report.timings)}


def stages(timings: Any) -> dict[str, float]:
    """Wall seconds by stage, over all chunks."""
    spent: dict[str, float] = {}
    for chunk in timings:
        for key, timing in chunk.items():
            spent[f"prepare {key}"] = spent.get(f"prepare {key}", 0.0) + timing.prepare_s
            spent[f"detect {key}"] = spent.get(f"detect {key}", 0.0) + timing.infer_s
        spent["decode"] = spent.get("decode", 0.0) + max(timing.decode_s for timing in chunk.values())
    return spent


@contextmanager
def counted() -> Iterator[Tally]:
    """What reading frames costs meanwhile."""
    tally = Tally()
    read = run.read
    run.read = partial(read, tally=tally)
    try:
        yield tally
    finally:
        run.read = read
