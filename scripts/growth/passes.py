"""The cost of a whole pass, from the probe to the results, as a worker works but without broker and server."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select

from pipeline import analyses
from pipeline.conduct.chunk import analyze_chunk
from pipeline.conduct.finish import finish_pass
from pipeline.conduct.plan import plan
from pipeline.media.probe import probe
from pipeline.media.reader import read
from pipeline.media.types import Stretch
from pipeline.models.types import Models
from pipeline.services import Services
from pipeline.store.engine import reading
from pipeline.store.schema import jobs
from scripts import pulled
from scripts.growth.installations import installation, result_bytes, submitted
from scripts.growth.watching import Watch


def loaded(names: Sequence[str]) -> Models:
    """The models of these operations, loaded as they are in a worker that has worked before."""
    models = pulled.library(1)
    for model in {model for name in names for model in analyses.load(name).models()}:
        models.load(model)
    return models


def passed(folder: str, names: Sequence[str]) -> dict[str, Any]:
    """What planning, analysis and finishing of the video in an installation take."""
    models = loaded(names)
    with installation(Path(folder)) as services:
        ids = submitted(services, names)
        with Watch() as planning:
            plan(services)
        chunks = 0
        with Watch() as analysing:
            while analyze_chunk(services, models, "growth") is not None:
                chunks += 1
        with Watch() as finishing:
            finish_pass(services, "growth")
        phases = {"planning": planning.figures, "analysing": analysing.figures, "finishing": finishing.figures}
        return {
            "chunks": chunks,
            "phases": phases,
            "results_bytes": result_bytes(services, require_done(services, ids)),
        }


def require_done(services: Services, ids: Mapping[str, str]) -> Mapping[str, str]:
    """The jobs, if they have all succeeded."""
    with reading(services.engine) as connection:
        rows = connection.execute(select(jobs.c.operation, jobs.c.state, jobs.c.status_message)).all()
    failed = [f"{row.operation}: {row.state} {row.status_message}" for row in rows if row.state != "SUCCEEDED"]
    if failed:
        raise SystemExit("not all jobs succeeded: " + "; ".join(failed))
    return ids


def decoded(path: str) -> dict[str, Any]:
    """What decoding every frame takes, with one thread."""
    media, index = probe(path)
    with Watch() as watch:
        frames = sum(1 for _ in read(path, media, index, Stretch(0, media.frame_count)))
    return {**watch.figures, "frames": frames}
