"""How a cost grows: the exponent of a power law, and numbers as people read them."""

from collections.abc import Sequence

import numpy as np


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float | None:
    """The power of the size that the cost grows with: least squares in logarithms; None for fewer than two sizes or a cost of nothing.

    1 is linear, 0 is flat, 2 is quadratic.
    """
    if len(set(sizes)) < 2 or min(*sizes, *costs) <= 0:
        return None
    slope, _ = np.polyfit(np.log(sizes), np.log(costs), 1)
    return float(slope)


def shown(value: float | None) -> str:
    """A number with three digits that count; – for none."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    digits = max(0, 2 - int(np.floor(np.log10(abs(value)))))
    return f"{round(value, digits):,.{min(digits, 4)}f}"
