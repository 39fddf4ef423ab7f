"""Labels that follow from others: scenes, activities and numbers of people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, cast

from pipeline.labels.vocabulary import rows, vocabulary

Kind = Literal["seen", "touch", "with", "count"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of rules.tsv.

    Attributes:
        label: What follows.
        kind: `seen`: from one label; `touch`: from two whose boxes overlap; `with`: from two in one frame; `count`: from a number of boxes.
        evidence: The label or the two labels it follows from.
        least: Boxes that `count` needs; 1 elsewhere.
        chance: How often it is true where the evidence is, 0 to 1.
    """

    label: str
    kind: Kind
    evidence: tuple[str, ...]
    least: int
    chance: float


@cache
def rules() -> Sequence[Rule]:
    """All rules, in the order of the file."""
    return tuple(_rule(label, cast("Kind", kind), *rest) for label, kind, *rest in rows("rules.tsv"))


@cache
def follows(name: str) -> Mapping[str, float]:
    """What `seen` rules say of a label: label that follows -> chance, by the rule for the nearest ancestor that has one."""
    found: dict[str, float] = {}
    by_evidence = _seen()
    for nearest in lineage(name):
        for label, chance in by_evidence.get(nearest, {}).items():
            found.setdefault(label, chance)
    return {label: chance for label, chance in found.items() if chance}


@cache
def lineage(name: str) -> tuple[str, ...]:
    """A label and all its ancestors, nearest first."""
    return (name, *vocabulary().labels[name].parents)


@cache
def _seen() -> Mapping[str, Mapping[str, float]]:
    """Evidence -> label that follows -> chance."""
    found: dict[str, dict[str, float]] = {}
    for rule in rules():
        if rule.kind == "seen":
            found.setdefault(rule.evidence[0], {})[rule.label] = rule.chance
    return found


def _rule(label: str, kind: Kind, evidence: str, percent: str) -> Rule:
    least, name = evidence.split(" ", 1) if kind == "count" else ("1", evidence)
    return Rule(label, kind, tuple(name.split(";")), int(least), float(percent) / 100)
