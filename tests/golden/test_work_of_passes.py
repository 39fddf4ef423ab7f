"""The work of a pass, counted, never timed: a change that decodes, scales, prepares or asks models more than before fails here."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pipeline.catalog import OPERATIONS
from pipeline.models.library import Library
from tests.support import work
from tests.support.counting import work_of
from tests.support.excerpts import trimmed
from tests.support.media import Clip, render

pytestmark = [pytest.mark.weights, pytest.mark.slow]

CLIPS: Mapping[str, Callable[[pytest.FixtureRequest, Path], Path]] = {
    "people": lambda request, path: trimmed(
        request.getfixturevalue("media") / "videos/short_hamilton_clip.mp4", path, 0, 2
    ),
    "titles": lambda request, path: trimmed(
        request.getfixturevalue("media") / "videos/sintel_trailer-720p.mp4", path, 43, 45
    ),
    "barcodes": lambda _, path: render(path, Clip(frames=50, options={"g": "10", "bf": "2", "preset": "ultrafast"})),
}


@pytest.fixture(scope="module")
def library(models_dir: Path) -> Library:
    return Library(models_dir)


@pytest.mark.parametrize("clip", CLIPS)
def test_a_pass_does_no_more_than_the_table_says(
    clip: str, library: Library, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = CLIPS[clip](request, tmp_path / "clip.mp4")
    wanted = {operation.analysis: [name] for name, operation in OPERATIONS.items()} | {"together": list(OPERATIONS)}
    done = {column: work_of(path, names, library, monkeypatch) for column, names in wanted.items()}
    work.require(clip, done)


@pytest.mark.parametrize("clip", CLIPS)
def test_what_analyses_share_is_done_once(clip: str) -> None:
    columns = work.allowed(clip)
    together = columns["together"]
    for what, number in together.items():
        alone = [counts[what] for column, counts in columns.items() if column != "together"]
        assert max(alone) <= number <= sum(alone), what
