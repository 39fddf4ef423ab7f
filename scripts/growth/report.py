"""What `scripts/bench_growth.py` measured, as tables and plots; both are made of nothing but its JSON."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.catalog import OPERATIONS
from scripts.growth.fits import exponent, shown
from scripts.growth.plots import plot

ROOT = Path(__file__).resolve().parents[2]
PAGE, IMAGES = ROOT / "docs" / "performance.md", ROOT / "docs" / "images"
BEGIN, END = "<!-- made by scripts/bench_growth.py --write -->\n", "<!-- end of what scripts/bench_growth.py made -->\n"
Point = Mapping[str, Any]
Measured = Mapping[str, Mapping[str, Any]]
MB = 1e6


def processor(point: Point) -> float:
    """Processor seconds of all phases of a whole pass."""
    return float(sum(phase["cpu_s"] for phase in point["phases"].values()))


def peak(point: Point) -> float:
    """The most private memory of any phase of a whole pass, in MB."""
    return float(max(phase["peak_bytes"] for phase in point["phases"].values()) / MB)


def wall(point: Point) -> float:
    """Wall seconds of all phases of a whole pass."""
    return float(sum(phase["wall_s"] for phase in point["phases"].values()))


def page(present: str, measured: Measured) -> str:
    """The page with the tables of today in place of those it has.

    Raises:
        ValueError: the page does not say where they stand.
    """
    before, begin, rest = present.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} has no place for the tables between {BEGIN.strip()} and {END.strip()}")
    return f"{before}{BEGIN}\n{tables(measured)}\n{END}{after}"


def write(measured: Measured) -> None:
    """Puts tables and plots where the documentation shows them."""
    PAGE.write_text(page(PAGE.read_text("utf-8"), measured), encoding="utf-8")
    for name, picture in plots(measured).items():
        (IMAGES / f"growth-{name}.svg").write_text(picture, encoding="utf-8")


def tables(measured: Measured) -> str:
    """All tables, each series that was measured once."""
    parts = [TABLES[name](series) for name, series in measured.items() if name in TABLES]
    return "\n".join("\n".join(part) + "\n" for part in parts)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cells) + " |" if cells[0] != "---" else "|" + "|".join(cells) + "|" for cells in lines]


def _length(series: Mapping[str, Any]) -> list[str]:
    head = [
        f"whole pass, {series['height']}p, {series['rate']} frames/s",
        "minutes",
        "processor s per minute: planning",
        "analysis",
        "finishing",
    ]
    head += ["wall over real time", "peak memory, MB", "results, kB per minute"]
    rows = []
    for name, points in _by(series["points"], "analysis").items():
        for point in points:
            minutes, phases = point["minutes"], point["phases"]
            spent = [shown(phases[phase]["cpu_s"] / minutes) for phase in ("planning", "analysing", "finishing")]
            results = shown(point["results_bytes"] / 1000 / minutes)
            rows.append([name, str(minutes), *spent, shown(wall(point) / 60 / minutes), shown(peak(point)), results])
        if len(points) > 1:
            sizes = [point["minutes"] for point in points]
            fits = [
                _fit(sizes, [p["phases"][phase]["cpu_s"] for p in points])
                for phase in ("planning", "analysing", "finishing")
            ]
            rows.append(
                [
                    f"{name}: exponents",
                    "",
                    *fits,
                    _fit(sizes, [*map(wall, points)]),
                    _fit(sizes, [*map(peak, points)]),
                    _fit(sizes, [p["results_bytes"] for p in points]),
                ]
            )
    return _table(head, rows)


def _finishing(series: Mapping[str, Any]) -> list[str]:
    return [line for points in _by(series["points"], "analyses").values() for line in [*_finished(points), ""]][:-1]


def _finished(points: Sequence[Point]) -> list[str]:
    """The table of one set of analyses."""
    names = [name for name in OPERATIONS if name in points[0]["jobs_s"]]
    head = [f"finishing: {_title(points[0])}", *(f"{point['minutes']} min" for point in points), "exponent"]
    sizes = [point["minutes"] for point in points]

    def row(title: str, values: Sequence[float], per_minute: bool = True) -> list[str]:
        told = [value / size if per_minute else value for value, size in zip(values, sizes, strict=True)]
        return [title, *map(shown, told), _fit(sizes, values)]

    rows = [row("processor s per minute of video", [p["cpu_s"] for p in points])]
    rows += [row(f"of it {OPERATIONS[n].analysis}", [_share(p, n) for p in points]) for n in names]
    rows += [
        row("peak memory, MB", [p["peak_bytes"] / MB for p in points], per_minute=False),
        row("results, kB per minute", [p["results_bytes"] / 1000 for p in points]),
        row("items per minute", [p["paging"]["items"] for p in points]),
        row("reading all pages: peak memory, MB", [p["paging"]["peak_bytes"] / MB for p in points], per_minute=False),
        row("a page of 1000 at the beginning, ms", [1000 * p["paging"]["first_s"] for p in points], per_minute=False),
        row("a page of 1000 at the end, ms", [1000 * p["paging"]["last_s"] for p in points], per_minute=False),
    ]
    return _table(head, rows)


def _title(point: Point) -> str:
    return "all eight" if len(point["analyses"]) == len(OPERATIONS) else " and ".join(point["analyses"])


def _share(point: Point, name: str) -> float:
    """Processor seconds of a job's finishing, by its share of the wall time."""
    return float(point["cpu_s"] * point["jobs_s"][name] / sum(point["jobs_s"].values()))


def _resolution(series: Mapping[str, Any]) -> list[str]:
    points, minutes = series["points"], series["seconds"] / 60
    sizes = [point["height"] ** 2 for point in points]
    head = [
        "height",
        "processor s per minute: all eight",
        "decoding every frame alone",
        "wall over real time",
        "peak memory, MB",
        "results, kB per minute",
    ]
    rows = [
        [
            f"{p['height']}p",
            shown(processor(p) / minutes),
            shown(p["decoding"]["cpu_s"] / minutes),
            shown(wall(p) / series["seconds"]),
            shown(peak(p)),
            shown(p["results_bytes"] / 1000 / minutes),
        ]
        for p in points
    ]
    fits = [
        [*map(processor, points)],
        [p["decoding"]["cpu_s"] for p in points],
        [*map(wall, points)],
        [*map(peak, points)],
        [p["results_bytes"] for p in points],
    ]
    return _table(head, [*rows, ["exponent, of the number of pixels", *(_fit(sizes, values) for values in fits)]])


def _analyses(series: Mapping[str, Any]) -> list[str]:
    minutes, rows, sums = series["seconds"] / 60, [], 0.0
    together, separately = _sets(series["points"])
    for place, point in enumerate(together):
        sums += processor(separately[place])
        added = separately[place]["analyses"][0]
        rows.append(
            [
                str(place + 1),
                f"+ {added}",
                shown(processor(point) / minutes),
                shown(sums / minutes),
                f"{sums / processor(point):.2f}",
                shown(wall(point) / series["seconds"]),
                shown(peak(point)),
                shown(point["results_bytes"] / 1000 / minutes),
            ]
        )
    head = [
        "analyses",
        "",
        "processor s per minute: together",
        "separately",
        "ratio",
        "wall over real time",
        "peak memory, MB",
        "results, kB per minute",
    ]
    sizes = range(1, len(together) + 1)
    fits = [
        _fit(sizes, [*map(processor, together)]),
        _fit(sizes, _running(separately)),
        "",
        _fit(sizes, [*map(wall, together)]),
        _fit(sizes, [*map(peak, together)]),
        "",
    ]
    return _table(head, [*rows, ["exponent", "", *fits]])


def _sets(points: Sequence[Point]) -> tuple[list[Point], list[Point]]:
    """The points of the first 1, 2 … analyses, and those of single ones, both in the fixed order."""
    order = [operation.analysis for operation in OPERATIONS.values()]
    by_set = {tuple(point["analyses"]): point for point in points}
    together = [by_set[tuple(order[: k + 1])] for k in range(len(order)) if tuple(order[: k + 1]) in by_set]
    return together, [by_set[name,] for name in order[: len(together)]]


def _running(points: Sequence[Point]) -> list[float]:
    return [sum(map(processor, points[: k + 1])) for k in range(len(points))]


def _workers(series: Mapping[str, Any]) -> list[str]:
    one = series["points"][0]
    rows = [
        [str(p["workers"]), f"{one['wall_s'] / p['wall_s']:.2f}", f"{p['cpu_s'] / one['cpu_s']:.2f}"]
        for p in series["points"]
    ]
    return _table(
        [f"worker processes, a core each; {one['chunks']} chunks", "speed-up", "processor time, relative"], rows
    )


def _by(points: Sequence[Point], key: str) -> dict[str, list[Point]]:
    kinds = dict.fromkeys(str(p[key]) for p in points)
    return {kind: [p for p in points if str(p[key]) == kind] for kind in kinds}


def _fit(sizes: Sequence[float], costs: Sequence[float]) -> str:
    power = exponent(sizes, costs)
    return "–" if power is None else f"{power:.2f}"


TABLES = {
    "length": _length,
    "finishing": _finishing,
    "resolution": _resolution,
    "analyses": _analyses,
    "workers": _workers,
}


def plots(measured: Measured) -> dict[str, str]:
    """Name -> SVG picture."""
    return dict(_plots(measured))


def _plots(measured: Measured) -> Iterator[tuple[str, str]]:
    if "length" in measured or "finishing" in measured:
        cost, memory = _over_length(measured)
        yield "length", plot("Cost against length", "minutes of video", "processor seconds", cost)
        yield "memory", plot("Peak private memory against length", "minutes of video", "MB", memory, log_up=False)
    if "resolution" in measured:
        series = measured["resolution"]
        minutes = series["seconds"] / 60
        lines = {
            "all eight analyses": [(p["height"], processor(p) / minutes) for p in series["points"]],
            "decoding every frame alone": [(p["height"], p["decoding"]["cpu_s"] / minutes) for p in series["points"]],
        }
        yield "resolution", plot("Cost against resolution", "height in pixels", "processor seconds per minute", lines)
    if "analyses" in measured:
        together, separately = _sets(measured["analyses"]["points"])
        minutes = measured["analyses"]["seconds"] / 60
        lines = {
            "separately": [(k + 1, cost / minutes) for k, cost in enumerate(_running(separately))],
            "together": [(k + 1, processor(point) / minutes) for k, point in enumerate(together)],
        }
        yield (
            "analyses",
            plot(
                "Cost against the number of analyses",
                "analyses of one video",
                "processor seconds per minute",
                lines,
                log_up=False,
            ),
        )


def _over_length(
    measured: Measured,
) -> tuple[dict[str, list[tuple[float, float]]], dict[str, list[tuple[float, float]]]]:
    cost: dict[str, list[tuple[float, float]]] = {}
    memory: dict[str, list[tuple[float, float]]] = {}
    for name, points in _by(measured.get("length", {}).get("points", []), "analysis").items():
        cost[f"whole pass: {name}"] = [(p["minutes"], processor(p)) for p in points]
        memory[f"whole pass: {name}"] = [(p["minutes"], peak(p)) for p in points]
    for points in _by(measured.get("finishing", {}).get("points", []), "analyses").values():
        title = _title(points[0])
        cost[f"finishing: {title}"] = [(p["minutes"], p["cpu_s"]) for p in points]
        memory[f"finishing: {title}"] = [(p["minutes"], p["peak_bytes"] / MB) for p in points]
        memory[f"reading all pages: {title}"] = [(p["minutes"], p["paging"]["peak_bytes"] / MB) for p in points]
    return cost, memory
