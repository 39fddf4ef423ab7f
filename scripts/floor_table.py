"""How far runs are from the floor, as the table of docs/performance.md, made of nothing but the reports of `scripts/bench.py`."""

from collections.abc import Mapping
from typing import Any

from scripts.in_venv import ROOT
from scripts.made_table import between

PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- made by scripts/bench.py --write -->\n", "<!-- end of what scripts/bench.py made -->\n"
Reports = Mapping[str, Mapping[str, Any]]


def write(reports: Reports) -> None:
    """Puts the table where the documentation shows it."""
    PAGE.write_text(between(PAGE.read_text("utf-8"), BEGIN, END, "\n".join(lines(reports)) + "\n"), encoding="utf-8")


def lines(reports: Reports) -> list[str]:
    """A row for each video; speeds are multiples of real time."""
    return [
        "| clip | decode floor | inference floor | actual | ratio to floor | cores busy | peak memory |",
        f"|{'---|' * 7}",
        *map(row, reports.values()),
    ]


def row(report: Mapping[str, Any]) -> str:
    """The row of one video."""
    real, length = report["actual"], report["actual"]["length_s"]
    times = (report["decode"]["decode_s"], report["inference"]["inference_s"], real["wall_s"])
    return " | ".join(
        [
            f"| {report['video']}, {length:.0f} s",
            *(f"{length / max(seconds, 1e-9):.3g} ×" for seconds in times),
            f"{report['ratio_to_floor']:.2f}",
            f"{real['cpu_s'] / real['wall_s']:.2f} of {report['cores']}",
            f"{real['peak_bytes'] / 1e6:,.0f} MB |",
        ]
    )
