"""Rates found in timestamps alone."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.media.rate import frame_rate

RATES = st.sampled_from(
    [Fraction(n) for n in (10, 12, 24, 25, 30, 50, 60)] + [Fraction(n * 1000, 1001) for n in (24, 30, 60)]
)
BASES = st.sampled_from([Fraction(1, n) for n in (1000, 12800, 30000, 90000)])


@given(RATES, BASES, st.integers(200, 500), st.integers(-(10**6), 10**6))
def test_constant_rate_survives_rounding_and_a_nonsense_header(
    rate: Fraction, base: Fraction, count: int, start: int
) -> None:
    pts = start + np.asarray([round(n / (rate * base)) for n in range(count)], np.int64)
    assert frame_rate(pts, base, [Fraction(1000), None, Fraction(0), Fraction(90000)]) == (rate, True)


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=60), BASES)
def test_any_times_give_a_plausible_rate(steps: list[int], base: Fraction) -> None:
    pts = np.cumsum(np.asarray([0, *steps], np.int64))
    rate, constant = frame_rate(pts, base, [])
    mean = len(steps) / (int(pts[-1]) * base)
    assert abs(rate / mean - 1) < Fraction(1, 10) or constant


def test_one_frame_takes_what_the_file_says() -> None:
    assert frame_rate(np.zeros(1, np.int64), Fraction(1, 1000), [Fraction(1000), Fraction(12)]) == (12, True)
    assert frame_rate(np.zeros(1, np.int64), Fraction(1, 1000), [None]) == (25, True)
