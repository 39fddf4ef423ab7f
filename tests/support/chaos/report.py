"""The table at the end of a run."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.chaos.verify import Findings


@dataclass(slots=True)
class Report:
    """What a run did and found.

    Attributes:
        shape: Of the installation.
        seed: Of the schedule.
        minutes: How long faults were injected.
        disk: How the disk is filled, or why it is not.
        injected: Kind -> how often.
        errors: Code -> how often a request failed with it.
        findings: What was counted and what is wrong.
    """

    shape: str
    seed: int
    minutes: float
    disk: str
    injected: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    findings: Findings = field(default_factory=Findings)

    @property
    def values(self) -> Mapping[str, Any]:
        """Everything, for JSON."""
        return {
            "shape": self.shape, "seed": self.seed, "minutes": self.minutes, "disk": self.disk,
            "faults": dict(self.injected.most_common()), "faults injected": self.injected.total(),
            "requests that failed": dict(self.errors.most_common()), **self.findings.numbers,
            "reasons of failed jobs": self.findings.reasons, "wrong": self.findings.wrong,
        }  # fmt: skip

    def text(self) -> str:
        """Two Markdown tables, and what is wrong."""
        rows = [f"| {name} | {count} |" for name, count in sorted(self.injected.items())]
        lines = [
            f"Shape {self.shape}, seed {self.seed}, {self.minutes:g} minutes of faults; disk: {self.disk}.", "",
            "| fault | injected |", "|---|---|", *rows, f"| **all** | **{self.injected.total()}** |", "",
            "| what | count |", "|---|---|",
            f"| requests that failed while faults lasted, and were repeated | {self.errors.total()} |",
            *(f"| {name} | {count} |" for name, count in self.findings.numbers.items()),
        ]  # fmt: skip
        if self.findings.reasons:
            lines += ["", "Reasons of failed jobs:", *(f"  {reason}" for reason in sorted(set(self.findings.reasons)))]
        if self.findings.wrong:
            lines += ["", "WRONG:", *(f"  {line}" for line in self.findings.wrong)]
        return "\n".join(lines)
