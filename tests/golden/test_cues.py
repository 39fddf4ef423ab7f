"""Technical cues on real clips with known truth."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pipeline.aggregate.types import Record
from pipeline.analyses.segments import ANALYSIS
from pipeline.models.library import Library
from scripts.score_segments import cue_truth
from tests.support.clips import answered
from tests.support.lettering import lettered
from tests.support.patterns import U8, pattern, with_sound

SIZE = (360, 640, 3)
PARTS = (
    ("ColorBars", 50),
    ("Slate", 75),
    ("BlackFrames", 50),
    ("StudioLogo", 75),
    ("BlackFrames", 25),
    ("OpeningCredits", 100),
    ("Content", 275),
    ("EndCredits", 100),
    ("BlackFrames", 25),
)
STARTS = np.cumsum([0, *(frames for _, frames in PARTS)])
PROGRAMME = [(kind, a, b - 1) for (kind, _), (a, b) in zip(PARTS, pairwise(STARTS.tolist()), strict=True)]
BLACK = np.zeros(SIZE, np.uint8)
LOGO = np.pad(np.full((120, 120, 3), (220, 160, 30), np.uint8), ((90, 150), (260, 260), (0, 0)))
SHOWN = {
    "ColorBars": pattern("pal75bars"),
    "Slate": lettered(np.full(SIZE, 40, np.uint8), ["EPISODE 1 2 3", "TITLE MOON AND SEA", "DURATION 2 4 1 2"], 3),
    "BlackFrames": BLACK,
    "StudioLogo": lettered(LOGO, [" ", " ", " ", " ", "NORTON"], 3),
    "EndCredits": lettered(
        BLACK, ["DIRECTED BY", "ANNA TORRES", "MUSIC BY", "ROBERT BLAINE", "PRODUCED BY", "LENA SIMON"], 4
    ),
}


def scene(tick: int) -> U8:
    """A picture of soft patches that moves."""
    rough = np.random.default_rng(4).integers(30, 220, (10, 17, 3)).astype(np.float32)
    patches = np.repeat(np.repeat(rough, 36, axis=0), 40, axis=1).astype(np.uint8)
    return np.ascontiguousarray(np.roll(patches, 2 * tick, axis=1)[:, :640])


def programme(tick: int) -> U8:
    kind = PARTS[int(np.searchsorted(STARTS, tick, side="right")) - 1][0]
    if kind in SHOWN:
        return SHOWN[kind]
    return lettered(scene(tick), ["DIRECTED BY", "MARIA STONE"]) if kind == "OpeningCredits" else scene(tick)


pytestmark = [pytest.mark.weights, pytest.mark.slow]
COMPOSITE, SINTEL = "videos/composite_cues_shared.mp4", "videos/sintel_trailer-720p.mp4"
Found = list[tuple[str, int, int]]


@pytest.fixture(scope="module")
def models(models_dir: Path) -> Library:
    """The detectors of shots and text."""
    return Library(models_dir, threads=2)


def cues(path: Path, models: Library, least: float = 50, cuts: int = 1) -> Found:
    """Type, first and last frame of every cue."""
    filters = {"TechnicalCueFilter": {"MinSegmentConfidence": least}}
    request = {"SegmentTypes": ["TECHNICAL_CUE"], "Filters": filters}
    records: list[Record] = answered(path, ANALYSIS, request, models, cuts)
    bodies = [record.body for record in records]
    return [(b["TechnicalCueSegment"]["Type"], b["StartFrameNumber"], b["EndFrameNumber"]) for b in bodies]


def test_every_cue_of_the_composite_is_exact_however_it_is_cut(media: Path, models: Library) -> None:
    truth = dict(cue_truth(media))[COMPOSITE]
    assert len(truth) == 7
    assert cues(media / COMPOSITE, models) == truth
    assert cues(media / COMPOSITE, models, cuts=5) == truth


def test_a_programme_with_all_kinds_of_cues_is_told_apart(tmp_path: Path, models: Library) -> None:
    path = with_sound(tmp_path / "a.mp4", np.zeros_like, seconds=31, ticks=range(int(STARTS[-1])), paint=programme)
    assert cues(path, models) == PROGRAMME


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
    silent = [(a, b) for kind, a, b in cues(media / SINTEL, models, 75) if kind == "BlackFrames"]
    assert silent[-1] == black[-1]
    assert set(silent) < set(black)
    # Between the ends the music plays on: black is content there, and reported with less confidence.
    assert all(b <= 18 for _, b in silent[:-1])
