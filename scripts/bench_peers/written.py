"""The comparison as the tables of docs/performance.md, made of nothing but its reports."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.catalog import OPERATIONS
from scripts.bench_peers import roster
from scripts.bench_peers.accuracy import TABLE
from scripts.bench_peers.report import ALL_FRAMES, DECODE_GOAL, OUR_STEP, SCRIPT_GOAL
from scripts.made_table import between, in_cell

BEGIN, END = (
    "<!-- made by scripts/bench.py --peers --write -->\n",
    "<!-- end of what scripts/bench.py --peers made -->\n",
)
Reports = Mapping[str, Mapping[str, Any]]


RATIOS = (
    "wall time of theirs divided by ours, in brackets the same of processor time; more than 1 means that ours takes less; "
    "what the goal is about is bold"
)
LEGENDS = {
    "script": f"All eight analyses at once against the script's jobs, one after the other: {RATIOS}. Percentages are of the script.",
    "packages": f"One analysis against a package: {RATIOS}; ≈ is computed from what a look took.",
}
_FAILED = re.compile(r"(it failed: \w+):.*", re.DOTALL)


def write(reports: Reports) -> None:
    """Puts the tables where the documentation shows them."""
    TABLE.write_text(page(reports), encoding="utf-8")


def page(reports: Reports) -> str:
    """The page of the documentation with the tables.

    Raises:
        ValueError: it has no place for them.
    """
    return between(TABLE.read_text("utf-8"), BEGIN, END, "\n".join(lines(reports)) + "\n")


def lines(reports: Reports) -> Iterator[str]:
    """All tables, a column or two for each video."""
    yield from (about(report) for report in reports.values())
    if rows := scripts(reports):
        yield from ["", LEGENDS["script"], "", *table(["", "goal", *map(in_cell, reports)], rows)]
        yield from ["", *decoded(reports)]
    if rows := list(packages(reports)):
        yield from ["", LEGENDS["packages"], "", *table(head(reports), rows)]
    reasons = {name: why for report in reports.values() for name, why in report["left_out"].items()}
    yield from ["", "Left out:", "", *(f"* {name}: {reason(why)}" for name, why in reasons.items())] if reasons else []


def head(reports: Reports) -> list[str]:
    """The columns of the table of packages."""
    head = ["ours", "against", "goal", "its documentation shows it"]
    head += [f"{in_cell(name)}: {way}" for name in reports for way in (OUR_STEP, ALL_FRAMES)]
    return [*head, "accuracy: ours; theirs"]


def reason(why: str) -> str:
    """Why somebody was left out, without what it may tell of the machine: the home folder, the text of an error."""
    return in_cell(_FAILED.sub(r"\1", why).replace(f"{Path.home()}/", "~/"))


def about(report: Mapping[str, Any]) -> str:
    """A line of what was measured, and how busy the machine was."""
    before, after = report["load"]
    return (
        f"* {in_cell(report['video'])}: {report['length_s']:.1f} s of {report['size']}, {report['frames']} frames, "
        f"on {report['cores']} cores; {report['rounds']} rounds by turns, load {before:.1f} to {after:.1f}"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table of Markdown."""
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {' | '.join(row)} |" for row in rows)]


def scripts(reports: Reports) -> list[list[str]]:
    """All analyses against the scripts, analysis by analysis."""
    rows = []
    for reader in readers(reports):
        of = [report["script"].get(reader) for report in reports.values()]
        rows.append([f"all eight, script with `{reader}`", f"{SCRIPT_GOAL:g}", *(_cell(it, counts=True) for it in of)])
        for analysis in (operation.analysis for operation in OPERATIONS.values()):
            jobs = [f"{it['jobs'][analysis]['cpu_s'] / it['cpu_s']:.0%}" if it else "–" for it in of]
            rows.append([f"of its processor time, {analysis}", "", *jobs])
    return rows


def readers(reports: Reports) -> list[str]:
    """The scripts that were compared with, by what they read videos with."""
    return list(dict.fromkeys(name for report in reports.values() for name in report["script"]))


def decoded(reports: Reports) -> Iterator[str]:
    """How many frames the scripts decode, and ours."""
    for reader in readers(reports):
        counts = [
            f"{it['frames']:,.0f} frames of {in_cell(name)} where ours decodes {it['ours_frames']:,.0f}, "
            f"{it['decode_ratio']:.2f} times as many"
            for name, report in reports.items()
            if (it := report["script"].get(reader))
        ]
        yield f"The jobs with `{reader}` decode {'; '.join(counts)}. The goal is {DECODE_GOAL:g} times."


def packages(reports: Reports) -> Iterator[list[str]]:
    """A row for each package that ran on some video."""
    for name in dict.fromkeys(name for report in reports.values() for name in report["packages"]):
        of = [report["packages"].get(name) for report in reports.values()]
        it = next(filter(None, of))
        cells = [_shown(one, way) for one in of for way in (OUR_STEP, ALL_FRAMES)]
        row, mine, theirs = roster.scored(name)
        scored = f"{row}: {mine}; {theirs}" if row else "not scored"
        yield [it["subject"], it["title"], f"{it['goal']:g}", it["shows"], *cells, scored]


def _shown(it: Mapping[str, Any] | None, way: str) -> str:
    return _cell(it["ways"].get(way), way == it["counts"]) if it else "–"


def _cell(it: Mapping[str, Any] | None, counts: bool) -> str:
    """Ratios of wall and processor time, in bold where the goal is about them, about where they are computed."""
    if it is None:
        return "–"
    text = f"{_ratio(it['wall_ratio'])} ({_ratio(it['cpu_ratio'])})"
    text = text if it.get("is_measured", True) else f"≈ {text}"
    return f"**{text}**" if counts else text


def _ratio(value: float) -> str:
    """Two digits, or all before the point."""
    return f"{value:.2g}" if value < 99.5 else f"{value:,.0f}"
