"""The profile of a run."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.analyses.types import Parameters
from pipeline.analyze import Report, analyze
from pipeline.catalog import OPERATIONS
from pipeline.models.threads import cores
from pipeline.models.types import Models
from scripts.profiling import table
from scripts.profiling.spans import Spans
from scripts.profiling.taps import TappedModels, tapped


def profiled(video: Path, requests: Mapping[str, Parameters], models: Models) -> dict[str, Any]:
    """The profile of one run, with facts about the video."""
    spans = Spans()
    load = os.getloadavg()[0]
    with tapped(spans):
        wall, cpu = time.perf_counter(), time.process_time()
        report = analyze(video, requests, TappedModels(models, spans), threads=cores())
        cpu_s, wall_s = time.process_time() - cpu, time.perf_counter() - wall
    return {"video": video.name, **about(report), "load": load, **table.profile(spans, cpu_s, wall_s, cores())}


def about(report: Report) -> dict[str, Any]:
    """What was analysed."""
    media = report.media
    return {
        "length_s": media.duration_ms / 1000,
        "size": f"{media.width}×{media.height}",
        "frames": media.frame_count,
        "analyses": [OPERATIONS[name].analysis for name in report.answers],
    }
