"""Timecodes against the `timecode` library and against the definition."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from timecode import Timecode

from pipeline.media.timecode import smpte

LIBRARY_NAMES = {
    Fraction(24000, 1001): "23.976",
    Fraction(24): "24",
    Fraction(25): "25",
    Fraction(30000, 1001): "29.97",
    Fraction(30): "30",
    Fraction(50): "50",
    Fraction(60000, 1001): "59.94",
    Fraction(60): "60",
}


@given(st.sampled_from(sorted(LIBRARY_NAMES)), st.data())
def test_equals_the_library(rate: Fraction, data: st.DataObject) -> None:
    frame = data.draw(st.integers(0, int(24 * 3600 * rate) - 1000))
    assert smpte(frame, rate) == str(Timecode(LIBRARY_NAMES[rate], frames=frame + 1))


@given(st.sampled_from([Fraction(30000, 1001), Fraction(60000, 1001), Fraction(2997, 100)]), st.integers(1, 5_000_000))
def test_drop_frame_follows_the_clock(rate: Fraction, frame: int) -> None:
    hours, minutes, seconds, frames = (int(part) for part in smpte(frame, rate).replace(";", ":").split(":"))
    shown = hours * 3600 + minutes * 60 + seconds + Fraction(frames, round(rate))
    day = 24 * 3600
    difference = (shown - frame / rate) % day
    assert min(difference, day - difference) < 1


@pytest.mark.parametrize(
    ("frame", "rate", "expected"),
    [
        (0, Fraction(25), "00:00:00:00"),
        (1799, Fraction(30000, 1001), "00:00:59;29"),
        (1800, Fraction(30000, 1001), "00:01:00;02"),
        (17982, Fraction(30000, 1001), "00:10:00;00"),
        (3600, Fraction(60000, 1001), "00:01:00;04"),
        (24, Fraction(24000, 1001), "00:00:01:00"),
        (90, Fraction(2997, 100), "00:00:03;00"),
        (13, Fraction(25, 2), "00:00:01:01"),
        (7, Fraction(1, 2), "00:00:07:00"),
        (24 * 3600 * 25, Fraction(25), "00:00:00:00"),
    ],
)
def test_known_values(frame: int, rate: Fraction, expected: str) -> None:
    assert smpte(frame, rate) == expected
