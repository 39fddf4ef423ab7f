"""What became of hostile files: which outcomes are offences, and the table."""

import re
import time
from collections import Counter
from pathlib import Path

from scripts.hostile.mutations import Case
from scripts.hostile.pool import Finding

BAD = frozenset({"broke", "died", "hung", "leaked", "InternalServerError", "ThrottlingException", "vague"})
"""Outcomes that must not be."""


class Record:
    """What became of all files."""

    def __init__(self, keep: Path) -> None:
        self._keep = keep
        self._begun = time.monotonic()
        self.findings: list[Finding] = []
        self.offenders: list[Finding] = []

    def add(self, finding: Finding, case: Case) -> None:
        """Notes it; keeps the file of an offender."""
        self.findings.append(finding)
        if outcome(finding) in BAD:
            self.offenders.append(finding)
            self._keep.mkdir(parents=True, exist_ok=True)
            (self._keep / case.name).write_bytes(case.content)
            print(f"OFFENDER {case.name} ({case.kind}): {outcome(finding)}: {finding.message}", flush=True)
        if len(self.findings) % 100 == 0:
            print(f"{len(self.findings)} files, {self.seconds:.0f} s, {len(self.offenders)} offenders", flush=True)

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._begun

    def table(self) -> None:
        """Prints kinds of mutation by outcomes."""
        outcomes = sorted({outcome(one) for one in self.findings})
        print(f"{'mutation':20}{'files':>7}" + "".join(f"{name[:18]:>20}" for name in outcomes))
        for kind in [*sorted({one.kind for one in self.findings}), "all"]:
            counts = Counter(outcome(one) for one in self.findings if kind in {one.kind, "all"})
            print(f"{kind:20}{counts.total():7}" + "".join(f"{counts[name] or '·':>20}" for name in outcomes))
        print(", ".join(f"{name} {value}" for name, value in self.figures().items()))

    def figures(self) -> dict[str, float]:
        """What counts."""
        found = Counter(outcome(one) for one in self.findings)
        return {
            "files": len(self.findings),
            "through the service": sum(one.way == "service" for one in self.findings),
            "deaths": found["died"],
            "hangs": found["hung"],
            "leaks": found["leaked"],
            "internal errors": found["broke"] + found["InternalServerError"],
            "vague messages": found["vague"],
            "slowest s": round(max((one.seconds for one in self.findings if one.way == "child"), default=0.0), 1),
            "peak MiB": max((one.peak_mb for one in self.findings), default=0),
            "files/s": round(len(self.findings) / self.seconds, 1),
        }

    def report(self) -> dict[str, object]:
        """All of it, for programs."""
        slowest = sorted(self.findings, key=lambda one: -one.seconds)[:20]
        messages = Counter(re.sub(r"[0-9.]+", "N", one.message) for one in self.findings)
        return {
            "figures": self.figures(),
            "by kind": dict(Counter(f"{one.kind}: {outcome(one)}" for one in self.findings)),
            "by container": dict(Counter(f"{one.container}: {outcome(one)}" for one in self.findings)),
            "messages": dict(messages.most_common()),
            "slowest": [one.values() for one in slowest],
            "offenders": [one.values() for one in self.offenders],
        }


def outcome(finding: Finding) -> str:
    """The finding's outcome; vague where its message helps nobody."""
    if finding.outcome == "FAILED" and not is_clear(finding.message):
        return "vague"
    return finding.outcome


def is_clear(message: str) -> bool:
    """Whether a user understands the message: a sentence or more, without names of ours."""
    return bool(re.fullmatch(r"[A-Z].{15,400}\.", message)) and not re.search(
        r"Error|Exception|Traceback|/tmp/|0x", message
    )
