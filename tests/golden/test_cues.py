"""Technical cues on real clips with known truth."""

from pathlib import Path

import pytest

from pipeline.aggregate.types import Record
from pipeline.analyses.segments import ANALYSIS
from pipeline.models.library import Library
from scripts.score_segments import cue_truth
from tests.support.clips import answered

pytestmark = [pytest.mark.weights, pytest.mark.slow]
COMPOSITE, SINTEL = "videos/composite_cues_shared.mp4", "videos/sintel_trailer-720p.mp4"
Found = list[tuple[str, int, int]]


@pytest.fixture(scope="module")
def models(models_dir: Path) -> Library:
    """The detectors of shots and text."""
    return Library(models_dir, threads=2)


def cues(path: Path, models: Library, cuts: int = 1) -> Found:
    """Type, first and last frame of every cue."""
    records: list[Record] = answered(path, ANALYSIS, {"SegmentTypes": ["TECHNICAL_CUE"]}, models, cuts)
    bodies = [record.body for record in records]
    return [(b["TechnicalCueSegment"]["Type"], b["StartFrameNumber"], b["EndFrameNumber"]) for b in bodies]


def test_every_cue_of_the_composite_is_exact_however_it_is_cut(media: Path, models: Library) -> None:
    truth = dict(cue_truth(media))[COMPOSITE]
    assert len(truth) == 7
    assert cues(media / COMPOSITE, models) == truth
    assert cues(media / COMPOSITE, models, cuts=5) == truth


def test_bars_with_counters_are_bars_throughout(media: Path, models: Library) -> None:
    assert cues(media / "videos/smpte-2997.mp4", models) == [("ColorBars", 0, 250)]


def test_a_countdown_is_a_slate(media: Path, models: Library) -> None:
    assert cues(media / "videos/CountdownClock_0.mp4", models) == [("Slate", 0, 132)]


@pytest.mark.parametrize("name", ["googlework_short.mp4", "chaplin.mp4", "thumbs_up_woman.mp4", "marathon_run.mp4"])
def test_ordinary_clips_are_content(media: Path, models: Library, name: str) -> None:
    ((kind, start, _),) = cues(media / "videos" / name, models)
    assert (kind, start) == ("Content", 0)


def test_fades_between_scenes_are_no_logos(media: Path, models: Library) -> None:
    assert {kind for kind, _, _ in cues(media / "videos/psd_testvideo.mp4", models)} == {"BlackFrames", "Content"}


def test_a_trailer_has_its_card_its_credits_and_silent_black_at_its_ends(media: Path, models: Library) -> None:
    found = cues(media / SINTEL, models)
    assert [(kind, a, b) for kind, a, b in found if kind == "EndCredits"] == [("EndCredits", 1163, 1219)]
    ((_, start, end),) = [cue for cue in found if cue[0] == "OpeningCredits"]
    assert abs(start - 224) <= 12
    assert abs(end - 269) <= 12
    black = [(a, b) for kind, a, b in found if kind == "BlackFrames"]
    assert black[-1] == (1220, 1252)
    # Between them the music plays on: black is content there.
    assert all(b <= 18 for _, b in black[:-1])
