"""The comparison as the tables of docs/performance.md, made of nothing but its reports."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.catalog import OPERATIONS
from scripts.bench_peers.accuracy import TABLE
from scripts.bench_peers.report import ALL_FRAMES, DECODE_GOAL, OUR_STEP, SCRIPT_GOAL
from scripts.made_table import between

BEGIN, END = (
    "<!-- made by scripts/bench.py --peers --write -->\n",
    "<!-- end of what scripts/bench.py --peers made -->\n",
)
Reports = Mapping[str, Mapping[str, Any]]


def write(reports: Reports) -> None:
    """Puts the tables where the documentation shows them."""
    TABLE.write_text(between(TABLE.read_text("utf-8"), BEGIN, END, "\n".join(lines(reports)) + "\n"), encoding="utf-8")


def lines(reports: Reports) -> Iterator[str]:
    """All tables, a column or two for each video."""
    yield from (about(report) for report in reports.values())
    if rows := scripts(reports):
        yield from ["", *table(["wall (processor)", "goal", *reports], rows)]
    head = ["ours", "against", "goal", "its documentation shows it"]
    head += [f"{name}: {way}" for name in reports for way in (OUR_STEP, ALL_FRAMES)]
    yield from ["", *table([*head, "accuracy: ours; theirs"], list(packages(reports)))]
    reasons = {name: why for report in reports.values() for name, why in report["left_out"].items()}
    yield from ["", "Left out:", "", *(f"* {name}: {why}" for name, why in reasons.items())] if reasons else []


def about(report: Mapping[str, Any]) -> str:
    """A line of what was measured, and how busy the machine was."""
    before, after = report["load"]
    return (
        f"* {report['video']}: {report['length_s']:.1f} s of {report['size']}, {report['frames']} frames, on {report['cores']} cores; "
        f"{report['rounds']} rounds by turns, load {before:.1f} to {after:.1f}"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table of Markdown."""
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {' | '.join(row)} |" for row in rows)]


def scripts(reports: Reports) -> list[list[str]]:
    """All analyses against the scripts, analysis by analysis, and what is decoded."""
    rows = []
    for reader in dict.fromkeys(name for report in reports.values() for name in report["script"]):
        of = [report["script"].get(reader) for report in reports.values()]
        rows.append([f"all eight, script with `{reader}`", f"{SCRIPT_GOAL:g}", *(_cell(it, counts=True) for it in of)])
        for analysis in (operation.analysis for operation in OPERATIONS.values()):
            jobs = [f"{it['jobs'][analysis]['cpu_s'] / it['cpu_s']:.0%}" if it else "–" for it in of]
            rows.append([f"of its processor time, {analysis}", "", *jobs])
        decoded = [
            f"{it['frames']:.0f} to {it['ours_frames']:.0f}: {it['decode_ratio']:.2f}" if it else "–" for it in of
        ]
        rows.append(["frames decoded", f"{DECODE_GOAL:g}", *decoded])
    return rows


def packages(reports: Reports) -> Iterator[list[str]]:
    """A row for each package that ran on some video."""
    for name in dict.fromkeys(name for report in reports.values() for name in report["packages"]):
        of = [report["packages"].get(name) for report in reports.values()]
        it = next(filter(None, of))
        cells = [_shown(one, way) for one in of for way in (OUR_STEP, ALL_FRAMES)]
        row, mine, theirs = it["accuracy"]
        scored = f"{row}: {mine}; {theirs}" if row else "not scored"
        yield [it["subject"], it["title"], f"{it['goal']:g}", it["shows"], *cells, scored]


def _shown(it: Mapping[str, Any] | None, way: str) -> str:
    return _cell(it["ways"].get(way), way == it["counts"]) if it else "–"


def _cell(it: Mapping[str, Any] | None, counts: bool) -> str:
    """Ratios of wall and processor time, in bold where the goal is about them, about where they are computed."""
    if it is None:
        return "–"
    text = f"{it['wall_ratio']:.2g} ({it['cpu_ratio']:.2g})"
    text = text if it.get("is_measured", True) else f"≈ {text}"
    return f"**{text}**" if counts else text
