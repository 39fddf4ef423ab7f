"""From probabilities per frame to shots, and from luma values to black stretches."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipeline.aggregate.black import BlackRule, black_cues
from pipeline.aggregate.cue_evidence import Cue
from pipeline.aggregate.shots import CUT_PROBABILITY, SHOT_FRAMES, confidence, shots
from pipeline.media.types import F32

PROBABILITIES = hnp.arrays(np.float32, st.integers(1, 80), elements=st.floats(0, 1, width=32))


def black_stretches(values: F32, rule: BlackRule, level: float = -90) -> list[Cue]:
    return black_cues(values, np.full(len(values), level, np.float32), rule)


def limits(cuts: dict[int, float], inside: range = range(0), count: int = 100) -> list[tuple[int, int]]:
    cut, soft = np.zeros(count), np.zeros(count)
    cut[list(cuts)] = list(cuts.values())
    soft[list(inside)] = 1
    return [(shot.start, shot.end) for shot in shots(cut, soft)]


def test_a_video_without_cuts_is_one_shot() -> None:
    assert limits({}) == [(0, 99)]
    assert shots([], []) == []


def test_a_cut_ends_a_shot_with_its_frame() -> None:
    assert limits({39: 0.9}) == [(0, 39), (40, 99)]


def test_neighbouring_frames_above_the_threshold_are_one_cut_at_their_peak() -> None:
    assert limits({38: 0.4, 39: 0.6, 40: 0.9, 41: 0.5}) == [(0, 40), (41, 99)]


def test_below_the_threshold_nothing_is_cut() -> None:
    assert limits({39: CUT_PROBABILITY - 0.01}) == [(0, 99)]


def test_the_last_frame_ends_no_shot() -> None:
    assert limits({99: 1.0}) == [(0, 99)]


def test_the_middle_third_of_a_soft_transition_belongs_to_no_shot() -> None:
    assert limits({45: 0.8}, range(40, 52)) == [(0, 43), (48, 99)]


def test_a_short_transition_is_a_hard_cut() -> None:
    assert limits({41: 0.8}, range(40, 44)) == [(0, 41), (42, 99)]


def test_what_is_shorter_than_a_shot_melts_into_the_transition() -> None:
    assert limits({39: 0.9, 41: 0.5}) == [(0, 39), (42, 99)]
    assert limits({39: 0.9, 39 + SHOT_FRAMES: 0.5}) == [(0, 39), (40, 42), (43, 99)]


def test_a_stray_frame_at_either_end_of_the_video_is_no_shot() -> None:
    assert limits({0: 1.0, 97: 1.0}) == [(0, 99)]
    assert limits({2: 1.0, 96: 1.0}) == [(0, 2), (3, 96), (97, 99)]


def test_confidence_is_that_of_the_less_certain_limit() -> None:
    cut = np.zeros(100)
    cut[[29, 59]] = 0.65, 1.0
    assert [shot.confidence for shot in shots(cut, np.zeros(100))] == pytest.approx([75, 75, 100])
    assert confidence(CUT_PROBABILITY) == 50


@given(PROBABILITIES)
def test_shots_are_in_order_apart_and_inside_the_video(cut: F32) -> None:
    soft = np.roll(cut, 1)
    found = shots(cut, soft)
    frames = [frame for shot in found for frame in (shot.start, shot.end)]
    assert frames == sorted(frames)
    assert all(a.end < b.start for a, b in pairwise(found))
    assert all(0 <= shot.start <= shot.end < len(cut) and 50 <= shot.confidence <= 100 for shot in found)


def luma(*parts: tuple[int, tuple[float, float, float]]) -> F32:
    return np.concatenate([np.tile(np.float32(values), (count, 1)) for count, values in parts])


BLACK, DIM, CARD, LIGHT = (1.0, 0.0, 0.0), (1.0, 0.0, 0.1), (0.995, 0.004, 0.01), (0.1, 1.0, 1.0)


def test_black_stretches_have_their_first_and_last_frame() -> None:
    values = luma((10, LIGHT), (5, BLACK), (10, LIGHT), (3, BLACK))
    assert [(s.start, s.end, s.confidence) for s in black_stretches(values, BlackRule())] == [
        (10, 14, 100),
        (25, 27, 100),
    ]


def test_one_dark_frame_is_no_stretch() -> None:
    assert black_stretches(luma((5, LIGHT), (1, BLACK), (5, LIGHT)), BlackRule()) == []


@pytest.mark.parametrize("values", [DIM, CARD])
def test_dim_pictures_and_cards_are_black_only_by_the_bare_formula(values: tuple[float, float, float]) -> None:
    frames = luma((10, values))
    assert black_stretches(frames, BlackRule()) == []
    assert [(s.start, s.end) for s in black_stretches(frames, BlackRule(formula_only=True))] == [(0, 9)]


def test_coverage_is_a_limit_that_may_be_reached() -> None:
    frames = luma((10, (0.75, 0.25, 0.5)))
    assert black_stretches(frames, BlackRule(coverage=0.75, formula_only=True))[0].confidence == pytest.approx(
        (75 + 100) / 2
    )
    assert black_stretches(frames, BlackRule(coverage=0.76, formula_only=True)) == []
