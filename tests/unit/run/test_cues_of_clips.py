"""Bars, black and content of rendered clips with sound, from decoding to cues; without text, which needs models."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.aggregate.feed import feed
from pipeline.aggregate.types import NoGalleries
from pipeline.analyses.segments import ANALYSIS, LAYOUT_STAGE, SOUND_STAGE
from pipeline.analyses.types import Stage
from pipeline.detect.layout import FrameLayout
from pipeline.detect.luma import BlackLuma
from pipeline.detect.sound import SoundLevels
from pipeline.media.probe import probe
from pipeline.media.types import EveryFrame, Stretch
from pipeline.run import run
from tests.support.patterns import U8, pattern, with_sound

LIMITS = (0, 50, 75, 125, 150, 200)
"""Ticks at which begin: bars with a tone, black in silence, a scene with sound, black with sound, a scene; and the end."""
BARS = pattern("smptebars", 192, 108)


def paint(tick: int) -> U8:
    part = np.searchsorted(LIMITS, tick, side="right") - 1
    if part == 0:
        return BARS
    if part in (1, 3):
        return np.zeros((108, 192, 3), np.uint8)
    rng = np.random.default_rng(part)
    scene = np.kron(rng.integers(20, 250, (9, 16, 3)), np.ones((12, 12, 1))).astype(np.uint8)
    return np.roll(scene, tick, axis=1)


def wave(times: NDArray[np.float64]) -> NDArray[np.float64]:
    silent = (times >= LIMITS[1] / 25) & (times < LIMITS[2] / 25)
    return np.where(silent, 0, 0.1 * np.sin(2000 * np.pi * times))


def cues(path: Path, cuts: Sequence[int], threshold: float = 0.2) -> list[tuple[str, int, int]]:
    detectors = {
        "luma-0.2": BlackLuma(),
        f"luma-{threshold:g}": BlackLuma(threshold),
        LAYOUT_STAGE: FrameLayout(),
        SOUND_STAGE: SoundLevels(),
    }
    stages = [Stage(key, detector, EveryFrame()) for key, detector in detectors.items()]
    media, index = probe(path)
    found: dict[str, list[object]] = {stage.key: [] for stage in stages}
    for start, stop in pairwise([0, *cuts, media.frame_count]):
        for key, result in run(path, media, index, Stretch(start, stop), stages, lambda _: None).items():
            assert result.error is None
            found[key] += result.found
    black = {"MaxPixelThreshold": threshold} if threshold != 0.2 else None
    filters = {"Filters": {"TechnicalCueFilter": {"BlackFrame": black} if black else {}}}
    timeline = ANALYSIS.aggregator({"SegmentTypes": ["TECHNICAL_CUE"]} | filters, media, index, NoGalleries())
    bodies = [record.body for record in feed(timeline, index, media, found)]  # type: ignore[arg-type]
    return [(b["TechnicalCueSegment"]["Type"], b["StartFrameNumber"], b["EndFrameNumber"]) for b in bodies]


EXPECTED = [("ColorBars", 0, 49), ("BlackFrames", 50, 74), ("Content", 75, 199), ("BlackFrames", 125, 149)]
"""Black with sound is content, and reported with less confidence."""


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_black_is_a_cue_where_it_is_silent_however_the_video_is_cut(tmp_path: Path, name: str) -> None:
    path = with_sound(tmp_path / name, wave, codec="ac3", seconds=8, ticks=range(200), paint=paint)
    for cuts in ([], [60], [40, 80, 120, 160], [1, 51, 74, 75, 76, 199]):
        assert cues(path, cuts) == EXPECTED


def test_the_limits_are_frames_where_the_rate_varies(tmp_path: Path) -> None:
    ticks = [tick for tick in range(200) if tick % 7 not in (2, 3)]
    path = with_sound(tmp_path / "a.mp4", wave, seconds=8, ticks=ticks, paint=paint)
    places = [int(np.searchsorted(ticks, limit)) for limit in LIMITS]
    starts = [*pairwise(places[:3]), (places[2], places[5]), (places[3], places[4])]
    assert cues(path, [30, 90]) == [
        (kind, start, stop - 1) for (kind, _, _), (start, stop) in zip(EXPECTED, starts, strict=True)
    ]


def test_the_sound_may_end_before_the_pictures(tmp_path: Path) -> None:
    path = with_sound(tmp_path / "a.mp4", wave, seconds=5, ticks=range(200), paint=paint)
    assert cues(path, []) == [*EXPECTED[:2], ("Content", 75, 124), ("BlackFrames", 125, 149), ("Content", 150, 199)]


def test_a_stricter_filter_keeps_the_other_cues(tmp_path: Path) -> None:
    path = with_sound(tmp_path / "a.mp4", wave, seconds=8, ticks=range(200), paint=paint)
    assert cues(path, [], threshold=0.05) == EXPECTED
