"""The cost of putting results together, of videos of any length: the detections of a short clip stand for those of the whole video.

What a chunk's analysis would keep is kept by the same functions, so the finishing that is measured is the service's own; only the
networks are not asked again and again about the same pictures.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import select

from pipeline import analyses
from pipeline.analyses.types import Stage
from pipeline.catalog import OPERATIONS
from pipeline.conduct.answer import answer
from pipeline.conduct.chunk import _claim, _outcome, _packed
from pipeline.conduct.facts import index_key, unpack_index
from pipeline.conduct.finish import finish_pass
from pipeline.conduct.outcome import keep
from pipeline.conduct.plan import plan
from pipeline.conduct.turn import taken
from pipeline.detect.columns import pack, unpack
from pipeline.media.probe import probe
from pipeline.media.sampling import sampled
from pipeline.media.types import Stretch
from pipeline.models.types import Models
from pipeline.run import StageResult, Timings, run
from pipeline.services import Services
from pipeline.store.engine import reading
from pipeline.store.schema import jobs
from pipeline.store.turns import Work
from scripts.growth.installations import ACCOUNT, installation, request_of, result_bytes, submitted
from scripts.growth.passes import loaded, require_done
from scripts.growth.watching import Watch

FEW_PAGES = 10


def stages_of(names: Sequence[str], models: Models) -> dict[str, Sequence[Stage]]:
    """Operation -> its stages."""
    return {name: analyses.load(name).stages([request_of(name)], models) for name in names}


def recorded(clip: str, names: Sequence[str]) -> dict[str, bytes]:
    """Stage key -> what it finds in a clip, packed."""
    media, index = probe(clip)
    stages = [stage for wanted in stages_of(names, loaded(names)).values() for stage in wanted]
    results = run(clip, media, index, Stretch(0, media.frame_count), stages, lambda _: None)
    for key, result in results.items():
        if result.error is not None:
            raise SystemExit(f"{key} failed: {result.error}")
    return {key: pack(result.found) for key, result in results.items()}


def replayed(folder: str, found: Mapping[str, bytes], clip_frames: int, names: Sequence[str]) -> Mapping[str, str]:
    """Jobs for the video in an installation, analysed but not finished; the video is the recorded clip many times over."""
    stages, rows = stages_of(names, loaded(names)), {key: list(unpack(raw)) for key, raw in found.items()}
    once = {stage.key: stage for wanted in stages.values() for stage in wanted}
    with installation(Path(folder)) as services:
        ids = submitted(services, names)
        plan(services)
        while (own := taken(services, Work.CHUNK, partial(_claim, services, "growth"))) is not None:
            index = unpack_index(services.work.read(index_key(own.pass_.id)))
            stretch = Stretch(own.chunk.start, own.chunk.stop)
            results = {}
            for key, stage in once.items():
                wanted = frozenset(sampled(stage.sampling, index, stretch).tolist())
                shown = [row for row in again(rows[key], clip_frames, stretch) if row[0] in wanted]
                results[key] = StageResult(shown, None, Timings(0.0, 0.0, 0.0))
            places = _packed(services, own.chunk, results)
            keep(services, own.chunk, _outcome(stages, {}, results, places))
    return ids


def again(rows: Sequence[tuple[int, Any]], length: int, stretch: Stretch) -> Iterator[tuple[int, Any]]:
    """What a stretch shows of a clip of `length` frames that is repeated for ever."""
    for turn in range(stretch.start // length, -(-stretch.stop // length)):
        for frame, detections in rows:
            if stretch.start <= frame + turn * length < stretch.stop:
                yield frame + turn * length, detections


def finished(folder: str, ids: Mapping[str, str]) -> dict[str, Any]:
    """What finishing takes, altogether and job by job, in a process that has finished such jobs before."""
    for name in ids:
        analyses.load(name)
    with installation(Path(folder)) as services:
        began = time.time()
        with Watch() as watch:
            finish_pass(services, "growth")
        require_done(services, ids)
        jobs_s = _job_seconds(services, began)
        return {**watch.figures, "jobs_s": jobs_s, "results_bytes": result_bytes(services, ids)}


def _job_seconds(services: Services, began: float) -> dict[str, float]:
    """Operation -> wall seconds; one job is finished behind the other."""
    with reading(services.engine) as connection:
        rows = connection.execute(select(jobs.c.operation, jobs.c.finished_at).order_by(jobs.c.finished_at)).all()
    ends = [began, *(row.finished_at.timestamp() for row in rows)]
    return {row.operation: after - before for row, (before, after) in zip(rows, pairwise(ends), strict=True)}


def paged(folder: str, ids: Mapping[str, str]) -> dict[str, Any]:
    """What reading all results takes, page by page, with the time of a page at the beginning and at the end of the longest."""
    longest: list[float] = []
    items = 0
    with installation(Path(folder)) as services, Watch() as watch:
        for name, job in ids.items():
            took = []
            for count, seconds in _pages(services, name, job):
                items, took = items + count, [*took, seconds]
            longest = max(longest, took, key=len)
    ends = {"first_s": longest[:FEW_PAGES], "last_s": longest[-FEW_PAGES - 1 : -1] or longest}
    return {**watch.figures, "items": items, "pages": len(longest), **{k: float(np.median(v)) for k, v in ends.items()}}


def _pages(services: Services, name: str, job: str) -> Iterator[tuple[int, float]]:
    """Items and seconds of every page."""
    token: dict[str, str] = {}
    while True:
        began = time.perf_counter()
        page = answer(services, ACCOUNT, OPERATIONS[name], {"JobId": job, "MaxResults": 1000, **token})
        took = time.perf_counter() - began
        yield len(json.loads(b"[" + page.items + b"]")), took
        if "NextToken" not in page.members:
            return
        token = {"NextToken": page.members["NextToken"]}
