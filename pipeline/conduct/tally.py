"""What is counted of chunks, for the figures."""

import re
from collections.abc import Iterable, Mapping

from pipeline.analyses.types import Stage
from pipeline.counts import Counts
from pipeline.jobs.types import Chunk
from pipeline.run import StageResult, Timings

STEP = re.compile(r"-\d+ms$")
"""In the key of a stage; it may be chosen freely, so it is no label."""


def count_attempt(counts: Counts, chunk: Chunk, done: bool) -> None:
    """Adds one attempt that has ended."""
    counts.add("attempts", kind="first" if chunk.attempt <= 1 else "again")
    counts.add("chunks", outcome="settled" if done else "unsettled")
    if done:
        counts.add("chunk_frames", chunk.stop - chunk.start)


def count_run(
    counts: Counts, stages: Iterable[Stage], results: Mapping[str, StageResult], total_s: float, threads: int
) -> None:
    """Adds where the time of a chunk went, and how far it was from the longer of decoding and of inference in so many threads."""
    by_lane: dict[str, Timings] = {}
    for stage in stages:
        if stage.key in results:
            by_lane.setdefault(stage.lane or stage.key, results[stage.key].timings)
    decode_s = max((timings.decode_s for timings in by_lane.values()), default=0.0)
    prepare_s, infer_s = (sum(getattr(t, part) for t in by_lane.values()) for part in ("prepare_s", "infer_s"))
    seconds = {"total": total_s, "decode": decode_s, "prepare": prepare_s, "inference": infer_s}
    for part, value in seconds.items():
        counts.observe("chunk_seconds", value, part=part)
    for lane, timings in by_lane.items():
        counts.add("stage_seconds", timings.infer_s, stage=STEP.sub("", lane))
    if floor_s := max(decode_s + prepare_s, infer_s / threads):
        counts.observe("chunk_floor_ratio", total_s / floor_s)
