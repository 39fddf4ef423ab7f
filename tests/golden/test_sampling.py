"""How often analyses look, where the operator sets it."""

from pathlib import Path

import pytest

from pipeline import analyses
from pipeline.catalog import OPERATIONS, STEP, Operation
from pipeline.models.library import Library
from tests.support.clips import answered

pytestmark = pytest.mark.weights

SAMPLED = [operation for operation in OPERATIONS.values() if operation.step_ms]


@pytest.fixture(scope="module")
def library(models_dir: Path) -> Library:
    return Library(models_dir, threads=2)


@pytest.mark.parametrize("operation", SAMPLED, ids=lambda operation: operation.name)
def test_a_finer_step_reaches_the_stages_beside_the_default(operation: Operation, library: Library) -> None:
    requests = [operation.minimal, {**operation.minimal, STEP: 100}]
    keys = [stage.key for stage in analyses.load(operation.name).stages(requests, library)]
    assert {f"{operation.step_ms}ms", "100ms"} <= {key.rpartition("-")[2] for key in keys}


def test_samples_lie_where_the_step_says(media: Path, library: Library) -> None:
    clip = media / "videos" / "thumbs_up_woman.mp4"
    times = [r.timestamp_ms for r in answered(clip, analyses.load("FaceDetection"), {STEP: 250}, library)]
    assert times == [frame * 40 for frame in sorted({-(-250 * n // 40) for n in range(32)})]
