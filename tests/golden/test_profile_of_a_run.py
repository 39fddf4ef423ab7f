"""The profile of a real run: every step of it is found, and they add up."""

from pathlib import Path

import pytest

from pipeline.catalog import OPERATIONS
from pipeline.models.library import Library
from scripts.profiling import table
from scripts.profiling.runs import profiled

pytestmark = pytest.mark.weights

CLIP = "head-pose-face-detection-female_gif.mp4"
"""1.9 s, a woman."""


def test_all_steps_are_found_and_add_up(media: Path, models_dir: Path) -> None:
    wanted = {name: OPERATIONS[name].minimal for name in ("FaceDetection", "SegmentDetection")}
    found = profiled(media / "videos" / CLIP, wanted, Library(models_dir, threads=1))
    assert table.accounted_s(found) == pytest.approx(found["cpu_s"])
    assert all(seconds >= -0.01 * found["cpu_s"] for seconds in found["others"].values())
    assert "face-yunet" in found["models"]
    of = found["stages"]["faces"]
    assert all(seconds > 0 for seconds in of.values())
    assert {"decoding", "handing over", "putting together faces", "putting together segments"} <= set(found["others"])
