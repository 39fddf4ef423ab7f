"""Colour bars on a thumbnail: the seven or eight colours of the television test signals, in their order, as upright bars of one width.

Source: SMPTE EG 1-1990 and RP 219-1 (seven bars of 75 %, maybe between side panels, above other patterns), ITU-R BT.471-1 (eight bars of
the EBU, 75 % and 100 %, over the whole height).
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from pipeline.media.types import I64, U8

ORDER = (7, 6, 3, 2, 5, 4, 1)
"""White, yellow, cyan, green, magenta, red, blue: bits red 4, green 2, blue 1."""
MIXED, DARK = -1, 0
ON, OFF = 0.6, 0.4
"""Ratio of a row's brightest channel above which a channel counts as on, and below which as off."""
LEAST_LIGHT = 64
"""Of 255: what the brightest channel of a row of bars reaches."""
LEAST_WIDTH, UNEVEN, MOST_BLEND = 0.5, 0.4, 0.5
"""Width of all bars over the picture's; how far a bar's width may be off the mean, and the blend between two, over the mean width."""
LEAST_ROWS = 0.25
"""Ratio of rows that show the bars: 2/3 in SMPTE's signal, 7/12 in its high-definition one, less what overlays cover."""
TOLERANCE = 0.25
ALIGNED = 1.5
"""Columns by which the same bar may begin elsewhere in another row."""


def bars_score(thumbnail: U8) -> float:
    """How surely a thumbnail (rows, columns, 3) RGB shows colour bars, 0 to 1; 0 where fewer than a quarter of its rows do.

    It is the ratio of the bars' channels, red, green and blue each, that are as they should be.
    """
    middle = int(thumbnail.shape[0] * 0.25)
    if not any(_begins(thumbnail[row]) is not None for row in (middle, middle // 2, 2 * middle)):
        return 0.0
    starts = {row: begins for row in range(len(thumbnail)) if (begins := _begins(thumbnail[row])) is not None}
    usual = np.median(list(starts.values()), axis=0)
    rows = [row for row, begins in starts.items() if np.abs(begins - usual).max() <= ALIGNED]
    if len(rows) < LEAST_ROWS * len(thumbnail):
        return 0.0
    return _purity(thumbnail[rows], usual)


def color_classes(row: U8) -> I64:
    """(columns,) bits of the channels that are on in a row (columns, 3); -1 where a channel is between on and off."""
    light = int(row.max())
    if light < LEAST_LIGHT:
        return np.full(len(row), DARK, np.int64)
    on, off = row >= ON * light, row <= OFF * light
    bits: I64 = on.astype(np.int64) @ np.array((4, 2, 1))
    return np.where((on | off).all(axis=1), bits, MIXED)


def _begins(row: U8) -> I64 | None:
    """(8,) columns at which the bars of a row begin, and the last one ends; None where it shows no bars.

    What is one column wide is the blend of two bars, whatever it looks like.
    """
    runs = [run for run in _runs(color_classes(row)) if run[0] != MIXED and run[2] - run[1] > 1]
    kinds = [kind for kind, _, _ in runs]
    for first in range(len(runs) - len(ORDER) + 1):
        if tuple(kinds[first : first + len(ORDER)]) == ORDER and _is_even(runs[first : first + len(ORDER)], len(row)):
            bars = runs[first : first + len(ORDER)]
            return np.array([begin for _, begin, _ in bars] + [bars[-1][2]])
    return None


def _runs(classes: I64) -> Iterator[tuple[int, int, int]]:
    """Class, first column, column behind the last, of every stretch of one class."""
    edges = np.concatenate(([0], np.flatnonzero(np.diff(classes)) + 1, [len(classes)])).tolist()
    for begin, end in pairwise(edges):
        yield int(classes[begin]), begin, end


def _is_even(bars: list[tuple[int, int, int]], columns: int) -> bool:
    """Whether the bars are equally wide, follow each other closely and fill most of the row."""
    width = (bars[-1][2] - bars[0][1]) / len(bars)
    gaps = [after[1] - before[2] for before, after in pairwise(bars)]
    blend = max(MOST_BLEND * width, 1)
    wide = all(abs(end - begin - width) <= UNEVEN * width + 1 for _, begin, end in bars)
    return wide and max(gaps) <= blend and width * len(bars) >= LEAST_WIDTH * columns


def _purity(rows: U8, begins: I64) -> float:
    """Ratio of the bars' 21 channels that are, in the median, within `TOLERANCE` of the full level or of zero, as they should be."""
    edges = np.round(begins).astype(int).tolist()
    bars = [rows[:, left + 1 : max(right - 1, left + 2)] for left, right in pairwise(edges)]
    shown = np.array([np.median(bar.reshape(-1, 3), axis=0) for bar in bars])
    wanted = np.array([[kind >> 2 & 1, kind >> 1 & 1, kind & 1] for kind in ORDER])
    level = max(float(shown[wanted == 1].mean()), 1.0)
    return float((np.abs(shown / level - wanted) <= TOLERANCE).mean())
