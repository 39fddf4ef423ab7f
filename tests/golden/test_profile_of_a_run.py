"""The profile of a real run: every step of it is found, and little is left."""

from pathlib import Path

import pytest

from pipeline.catalog import OPERATIONS
from pipeline.models.library import Library
from scripts.profiling import table
from scripts.profiling.runs import profiled

pytestmark = pytest.mark.weights

CLIP = "head-pose-face-detection-female_gif.mp4"
"""1.9 s, a woman."""
NOISE, MOST_LEFT = 0.01, 0.1
"""Shares of the processor time: how far clocks may differ, and how much may be left that no step counts."""


def test_all_steps_are_found_and_little_is_left(media: Path, models_dir: Path) -> None:
    wanted = {name: OPERATIONS[name].minimal for name in ("FaceDetection", "SegmentDetection")}
    models = Library(models_dir, threads=1)
    profiled(media / "videos" / CLIP, wanted, models)  # loads them
    found = profiled(media / "videos" / CLIP, wanted, models)
    rows = [seconds for of in (*found["stages"].values(), found["others"]) for seconds in of.values()]
    assert min(rows) >= -NOISE * found["cpu_s"], "nothing is counted twice"
    assert found["others"][table.REST] <= MOST_LEFT * found["cpu_s"], "no step is forgotten"
    assert sum(found["models"].values()) == pytest.approx(sum(of["models"] for of in found["stages"].values()))
    assert "face-yunet" in found["models"]
    of = found["stages"]["faces"]
    assert all(seconds > 0 for seconds in of.values())
    assert {"decoding", "handing over", "putting together faces", "putting together segments"} <= set(found["others"])
