"""Frame rates that the timestamps themselves support; what a header declares is only a suggestion."""

from collections.abc import Iterable
from fractions import Fraction

import numpy as np

from pipeline.media.types import I64

_STANDARD = tuple(
    Fraction(*ratio)
    for base in (24, 30, 48, 60, 120)
    for ratio in ((base, 1), (base * 1000, 1001))
) + tuple(Fraction(n) for n in (5, 8, 10, 12, 15, 16, 18, 20, 25, 50, 90, 100))  # fmt: skip
_FILLED = 0.98  # a recording that lost a frame or two keeps its nominal rate
_PLAUSIBLE = (Fraction(1, 3600), Fraction(1000))


def measured_rate(pts: I64, time_base: Fraction) -> Fraction | None:
    """Frames per second between the first and the last frame; None for a single frame."""
    span = int(pts[-1] - pts[0]) * time_base
    return Fraction(len(pts) - 1) / span if len(pts) > 1 and span else None


def on_grid(pts: I64, time_base: Fraction, rate: Fraction) -> bool:
    """Whether frame n lies at n / rate, to the rounding that the time base enforces (one tick)."""
    ticks = 1 / (rate * time_base)
    numbers = np.arange(len(pts), dtype=np.int64)
    whole, part = divmod(ticks.numerator, ticks.denominator)
    drift = (pts - pts[0]) - numbers * whole - numbers * part // ticks.denominator
    return int(drift.max() - drift.min()) <= 1


def _nearly_constant(pts: I64, time_base: Fraction, rate: Fraction) -> bool:
    """Whether all frames lie on the rate's grid, with a few places of it left empty."""
    places = np.rint((pts - pts[0]) * float(time_base * rate)).astype(np.int64)
    off = np.abs(pts - pts[0] - places / float(rate * time_base))
    return float(off.max()) <= 1 and len(pts) >= _FILLED * int(places[-1] + 1) and bool(np.all(np.diff(places) > 0))


def frame_rate(pts: I64, time_base: Fraction, declared: Iterable[Fraction | None]) -> tuple[Fraction, bool]:
    """Frames per second and whether it is constant.

    A declared rate is taken where every frame lies on its grid, then a standard rate near the measured one, then one whose
    grid has only few empty places; else the mean over the whole video.

    Args:
        pts: (N,) int64 ascending, in units of `time_base`.
        time_base: Seconds per unit.
        declared: Rates that the file names, the most trusted first.
    """
    hints = [rate for rate in declared if rate and _PLAUSIBLE[0] <= rate < _PLAUSIBLE[1]]
    measured = measured_rate(pts, time_base)
    if measured is None:
        return (hints[0] if hints else Fraction(25)), True
    near = sorted(
        (rate for rate in _STANDARD if abs(rate / measured - 1) < Fraction(1, 20)), key=lambda r: abs(r - measured)
    )
    simple = (measured.limit_denominator(d) for d in (1, 2, 1001))
    candidates = (*hints, *near, *(rate for rate in simple if rate))
    for rate in candidates:
        if on_grid(pts, time_base, rate):
            return rate, True
    return next((rate for rate in candidates if _nearly_constant(pts, time_base, rate)), measured), False
