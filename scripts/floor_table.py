"""How far runs are from the floor, as the table of docs/performance.md, made of nothing but the reports of `scripts/bench.py`."""

from collections.abc import Mapping
from typing import Any

from scripts.in_venv import ROOT
from scripts.made_table import between, in_cell

PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- made by scripts/bench.py --write -->\n", "<!-- end of what scripts/bench.py made -->\n"
Reports = Mapping[str, Mapping[str, Any]]


def write(reports: Reports) -> None:
    """Puts the table where the documentation shows it."""
    PAGE.write_text(page(reports), encoding="utf-8")


def page(reports: Reports) -> str:
    """The page of the documentation with the table.

    Raises:
        ValueError: it has no place for it.
    """
    return between(PAGE.read_text("utf-8"), BEGIN, END, "\n".join(lines(reports)) + "\n")


def lines(reports: Reports) -> list[str]:
    """How it was measured, and a row for each video; speeds are multiples of real time."""
    return [
        "Medians of rounds whose phases take turns; speeds are multiples of real time:",
        "",
        *map(about, reports.values()),
        "",
        "| clip | decode floor | inference floor | actual | ratio to floor | cores busy | peak memory |",
        f"|{'---|' * 7}",
        *map(row, reports.values()),
    ]


def about(report: Mapping[str, Any]) -> str:
    """How often one video was measured, and how busy the machine was; older reports do not hold it."""
    if "rounds" not in report or "load" not in report:
        return f"* {in_cell(report['video'])}: rounds and load were not kept"
    before, after = report["load"]
    rounds = f"{report['rounds']} round{'s' * (report['rounds'] != 1)}"
    return f"* {in_cell(report['video'])}: {rounds}, load {before:.1f} to {after:.1f} on {report['cores']} cores"


def row(report: Mapping[str, Any]) -> str:
    """The row of one video."""
    real, length = report["actual"], report["actual"]["length_s"]
    times = (report["decode"]["decode_s"], report["inference"]["inference_s"], real["wall_s"])
    return " | ".join(
        [
            f"| {in_cell(report['video'])}, {length:.0f} s",
            *(f"{length / max(seconds, 1e-9):.3g} ×" for seconds in times),
            f"{report['ratio_to_floor']:.2f}",
            f"{real['cpu_s'] / real['wall_s']:.2f} of {report['cores']}",
            f"{real['peak_bytes'] / 1e6:,.0f} MB |",
        ]
    )
