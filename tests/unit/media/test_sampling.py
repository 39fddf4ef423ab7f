"""Sampling does not notice where a video is cut."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.media.sampling import sampled
from pipeline.media.types import Every, EveryAtEnds, EveryFrame, FrameIndex, Sampling, Stretch


@st.composite
def indexes(draw: st.DrawFn) -> FrameIndex:
    steps = draw(st.lists(st.integers(1, 4000), max_size=80))
    start = draw(st.integers(-(10**9), 10**12))
    base = Fraction(draw(st.sampled_from([1, 1001])), draw(st.sampled_from([25, 1000, 30000, 90000])))
    return FrameIndex(start + np.cumsum(np.asarray([0, *steps], np.int64)), np.zeros(1, np.int64), base)


STEPS = st.integers(1, 5000)
AT_ENDS = st.builds(EveryAtEnds, STEPS, st.floats(0, 0.5), STEPS, st.integers(0, 100_000), st.integers(1, 40))
SAMPLINGS = st.one_of(st.builds(Every, STEPS), AT_ENDS, st.just(EveryFrame()))


@given(indexes(), SAMPLINGS, st.lists(st.integers(0, 80), max_size=5))
def test_cuts_do_not_matter(index: FrameIndex, sampling: Sampling, cuts: list[int]) -> None:
    count = len(index.pts)
    edges = sorted({0, count, *(cut for cut in cuts if cut < count)})
    parts = [sampled(sampling, index, Stretch(a, b)) for a, b in itertools.pairwise(edges)]
    assert np.concatenate(parts).tolist() == sampled(sampling, index, Stretch(0, count)).tolist()


@given(indexes(), st.integers(1, 5000))
def test_first_frame_at_or_after_each_multiple(index: FrameIndex, step_ms: int) -> None:
    times = [index.timestamp(n).seconds * 1000 for n in range(len(index.pts))]
    multiples = range(int(times[-1] // step_ms) + 1)
    expected = {next(n for n, time in enumerate(times) if time >= m * step_ms) for m in multiples[:2000]}
    taken = sampled(Every(step_ms), index, Stretch(0, len(times))).tolist()
    assert taken[0] == 0
    assert expected <= set(taken)
    if len(multiples) <= 2000:
        assert set(taken) == expected


@given(indexes(), SAMPLINGS, st.integers(0, 80))
def test_an_empty_stretch_has_no_frames(index: FrameIndex, sampling: Sampling, place: int) -> None:
    place = min(place, len(index.pts))
    assert sampled(sampling, index, Stretch(place, place)).tolist() == []


def test_every_frame_is_every_frame() -> None:
    index = FrameIndex(np.arange(10), np.zeros(1, np.int64), Fraction(1, 25))
    assert sampled(EveryFrame(), index, Stretch(3, 6)).tolist() == [3, 4, 5]


@pytest.mark.parametrize(
    ("sampling", "inner"),
    [
        (EveryAtEnds(1000, 0.1, 0, 100_000), range(60, 540)),
        (EveryAtEnds(1000, 0.1, 0, 20_000), range(20, 580)),
        (EveryAtEnds(1000, 0.1, 200_000, 300_000), range(200, 400)),
        (EveryAtEnds(1000, 0.1, 400_000, 500_000), range(0)),
        (EveryAtEnds(1000, 0.1, 0, 100_000, group=1000), range(60, 500)),
    ],
    ids=["a share", "at most", "at least", "all", "whole groups"],
)
def test_the_middle_is_left_out(sampling: EveryAtEnds, inner: range) -> None:
    index = FrameIndex(1000 + np.arange(6001), np.zeros(1, np.int64), Fraction(1, 10))
    taken = sampled(sampling, index, Stretch(0, 6001)) / 10
    assert taken.tolist() == [second for second in range(601) if second not in inner]
