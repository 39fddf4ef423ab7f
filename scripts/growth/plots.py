"""Line plots as SVG, written by hand: no library draws so little."""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import count, takewhile
from math import ceil, floor, log10

Line = Sequence[tuple[float, float]]
WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 40, 50
COLOURS = ("#1f6feb", "#d1242f", "#1a7f37", "#9a6700", "#8250df", "#57606a")
"""Told apart in print and by most colour-blind people, with the markers' shapes beside them."""


def plot(title: str, across: str, up: str, lines: Mapping[str, Line], log_up: bool = True) -> str:
    """An SVG picture; the x axis is logarithmic, the y axis too unless it begins at zero.

    Args:
        title: Stands above.
        across: Label of the x axis.
        up: Label of the y axis.
        lines: Name -> its points (x, y), x > 0, and y > 0 on a logarithmic axis.
        log_up: Whether the y axis is logarithmic.
    """
    points = [point for line in lines.values() for point in line]
    xs, ys = (
        _decades([x for x, _ in points]),
        _decades([y for _, y in points]) if log_up else _even([y for _, y in points]),
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(WIDTH / 2, 20, title, size=14),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, across),
        f'<g transform="rotate(-90 16 {HEIGHT / 2})">{_text(16, HEIGHT / 2, up)}</g>',
        *_grid(xs, ys, log_up),
    ]
    for place, (name, line) in enumerate(lines.items()):
        spots = [(_x(x, xs), _y(y, ys, log_up)) for x, y in line]
        parts += _drawn(spots, place, name)
    return "\n".join([*parts, "</svg>\n"])


def _drawn(spots: Line, place: int, name: str) -> list[str]:
    colour, entry = COLOURS[place % len(COLOURS)], TOP + 14 + 16 * place
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
    marks = [_mark(x, y, place, colour) for x, y in (*spots, (LEFT + 16, entry - 4))]
    line = f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    return [line, *marks, _text(LEFT + 28, entry, name, anchor="start")]


def _mark(x: float, y: float, place: int, colour: str) -> str:
    shapes = (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"',
        f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8"',
        f'<path d="M{x:.1f} {y - 5:.1f} l5 9 l-10 0 z"',
    )
    return f'{shapes[place % len(shapes)]} fill="{colour}"/>'


def _grid(xs: Sequence[float], ys: Sequence[float], log_up: bool) -> list[str]:
    found = []
    for x in xs:
        at = _x(x, xs)
        found.append(f'<line x1="{at:.1f}" y1="{TOP}" x2="{at:.1f}" y2="{HEIGHT - BOTTOM}" stroke="#d0d7de"/>')
        found.append(_text(at, HEIGHT - BOTTOM + 16, _number(x)))
    for y in ys:
        at = _y(y, ys, log_up)
        found.append(f'<line x1="{LEFT}" y1="{at:.1f}" x2="{WIDTH - RIGHT}" y2="{at:.1f}" stroke="#d0d7de"/>')
        found.append(_text(LEFT - 6, at + 4, _number(y), anchor="end"))
    return found


def _x(value: float, ticks: Sequence[float]) -> float:
    share = (log10(value) - log10(ticks[0])) / (log10(ticks[-1]) - log10(ticks[0]))
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(value: float, ticks: Sequence[float], logarithmic: bool) -> float:
    low, high, at = (log10(v) if logarithmic else v for v in (ticks[0], ticks[-1], value))
    return HEIGHT - BOTTOM - (at - low) / (high - low) * (HEIGHT - TOP - BOTTOM)


def _decades(values: Sequence[float]) -> list[float]:
    """1, 10, 100 … around the values; 1, 2, 5, 10 … where they lie within one or two decades."""
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    steps = (1,) if high - low > 2 else (1, 2, 5)
    ticks = [step * 10.0**power for power in range(low, max(high, low + 1) + 1) for step in steps]
    first = max(k for k, tick in enumerate(ticks) if tick <= min(values))
    last = min(k for k, tick in enumerate(ticks) if tick >= max(values) and k > first)
    return ticks[first : last + 1]


def _even(values: Sequence[float]) -> list[float]:
    """From 0 in steps of 1, 2 or 5 times a power of ten, at most six of them, to above the values."""
    most = max(*values, 1e-9)
    unit = 10.0 ** floor(log10(most / 5))
    step = next(factor * unit for factor in (1, 2, 5, 10) if factor * unit * 6 >= most)
    ticks = list(takewhile(lambda tick: tick - step < most, (k * step for k in count())))
    return ticks if len(ticks) > 1 else [0.0, step]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 or value == 0 else f"{value:g}"


def _text(x: float, y: float, text: str, anchor: str = "middle", size: int = 12) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="#1f2328">{escape(text)}</text>'
    )
