#!/usr/bin/env python3
"""The page docs/labels.md: every label with what is above it and where it comes from; `--write` puts it there."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pipeline.labels.rules import Rule, rules
from pipeline.labels.sources import SOURCES, sources
from pipeline.labels.vocabulary import vocabulary

PAGE = ROOT / "docs" / "labels.md"
RULES = {
    "seen": "one of these labels, or one below it, is seen; the nearest counts, so that low percentages are exceptions",
    "touch": "the boxes of two objects overlap",
    "with": "both labels are in the frame",
    "count": "the frame has at least so many objects of that label or below it",
}


def page() -> str:
    """The whole of docs/labels.md."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    labels = sorted(vocabulary().labels.values(), key=lambda label: label.name)
    counts = Counter(source for found in sources().values() for source in found)
    yield "# Labels"
    yield ""
    yield f"What `DetectLabels` and `StartLabelDetection` can answer and their filters can name: {len(labels)} labels in Rekognition's"
    yield "style. Made by `scripts/labels_table.py --write`; `reelsight labels` lists and searches the same, also as JSON."
    yield ""
    yield "| source | labels | meaning |"
    yield "|---|---|---|"
    yield from (f"| {source} | {counts[source]} | {meaning} |" for source, meaning in SOURCES.items())
    yield ""
    yield "A label can have several sources. With a label all its ancestors are answered as labels of their own."
    yield ""
    yield "Filters compare whole names, in upper or lower case, not aliases. A category that does not exist is refused; so are inclusion"
    yield "filters of which no label is in this list. An unknown label beside known ones is let be: Amazon's list has more."
    yield ""
    yield from _meaning()
    yield ""
    yield "## What follows from what"
    yield ""
    yield "These labels follow from others, as sure as what they follow from times the percentage, which says how often the label is true"
    yield "where the evidence is. The percentages are judgements about where things are usually photographed, not measurements."
    yield ""
    yield from (f"- {rule}: {meaning}" for rule, meaning in RULES.items())
    yield ""
    yield "| label | rule | evidence |"
    yield "|---|---|---|"
    yield from _ruled()
    yield ""
    yield "## All labels"
    yield ""
    yield "| label | ancestors | aliases | categories | sources |"
    yield "|---|---|---|---|---|"
    for label in labels:
        members = (label.parents, label.aliases, label.categories, sources()[label.name])
        yield f"| {label.name} | {' | '.join(', '.join(member) or '–' for member in members)} |"


def _meaning() -> Iterator[str]:
    yield "## What a confidence means"
    yield ""
    yield "50 is about an even chance that the label is true of the frame. Two independent taggers look at every sampled frame and count"
    yield "with the mean of their probabilities, so that one that errs alone stays below 50. A detected thing is believed as far as its"
    yield "score and the taggers support it, by a regression on what a third, stronger detector saw in unlabelled pictures. What is seen"
    yield "in one sample only keeps two fifths. `pipeline/aggregate/evidence.py` and `conclusions.py` have the formulas."
    yield ""
    yield "Not covered, because nothing that sees them is available: time of day and weather, most activities without equipment (walking,"
    yield "dancing, climbing), expressions, and labels for gender and age."


def _ruled() -> Iterator[str]:
    groups: dict[tuple[str, str], list[Rule]] = {}
    for rule in rules():
        groups.setdefault((rule.label, rule.kind), []).append(rule)
    for (label, kind), found in sorted(groups.items()):
        yield f"| {label} | {kind} | {', '.join(map(_shown, found))} |"


def _shown(rule: Rule) -> str:
    number = f"{rule.least} × " if rule.kind == "count" else ""
    return f"{number}{' + '.join(rule.evidence)} {round(100 * rule.chance)} %"


def main() -> None:
    """Prints or writes the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/labels.md")
    if parser.parse_args().write:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        print(page(), end="")


if __name__ == "__main__":
    main()
