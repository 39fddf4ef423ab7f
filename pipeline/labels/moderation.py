"""The categories of content moderation, and what is taken as evidence for each."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from pipeline.labels.vocabulary import rows

EvidenceKind = Literal["label", "sexy", "explicit", "part"]
MODEL_VERSION = "7.0"


@dataclass(frozen=True, slots=True)
class Clue:
    """One thing that speaks for a category.

    Attributes:
        kind: "label": a label of label detection; "sexy": a label, surer where the frame is called sexy; "explicit": two classifiers agree;
            "part": a part of the body.
        name: Name of the label or class; empty for "explicit".
        share: How often it means the category, 0 to 1.
    """

    kind: EvidenceKind
    name: str = ""
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Category:
    """A category of the taxonomy.

    Attributes:
        name: As the API shows it.
        parents: All ancestors, nearest first.
        clues: What speaks for it; empty where nothing can see it.
    """

    name: str
    parents: tuple[str, ...]
    clues: tuple[Clue, ...]

    @property
    def level(self) -> int:
        """TaxonomyLevel, 1 to 3."""
        return len(self.parents) + 1

    @property
    def parent(self) -> str:
        """ParentName: empty at the top."""
        return self.parents[0] if self.parents else ""


@cache
def taxonomy() -> Mapping[str, Category]:
    """Name -> category, parents before their children."""
    found: dict[str, Category] = {}
    for name, parent, clues in rows("moderation.tsv"):
        above = (parent, *found[parent].parents) if parent else ()
        found[name] = Category(name, above, tuple(_clue(part) for part in clues.split(";") if part))
    return found


def coverage() -> Mapping[str, str]:
    """Category -> by what it is seen: its own clues, or categories under it; empty: nothing."""
    found = {name: ", ".join(_said(clue) for clue in category.clues) for name, category in taxonomy().items()}
    for category in reversed(list(taxonomy().values())):
        if category.parent and found[category.name] and not found[category.parent]:
            found[category.parent] = "categories under it"
    return found


def _clue(text: str) -> Clue:
    kind, _, rest = text.partition(" ")
    if kind in ("label", "sexy"):
        name, _, percent = rest.rpartition(" ")
        return Clue("sexy" if kind == "sexy" else "label", name, float(percent) / 100)
    if kind == "part":
        return Clue("part", rest)
    if kind == "explicit":
        return Clue("explicit")
    raise ValueError(f"moderation.tsv: {text!r} is no clue")


def _said(clue: Clue) -> str:
    match clue.kind:
        case "label":
            return f"label {clue.name}"
        case "sexy":
            return f"label {clue.name} with moderation-nsfw"
        case "explicit":
            return "moderation-nsfw and moderation-open-nsfw in agreement"
        case "part":
            return f"moderation-nudenet {clue.name} (licence AGPL-3.0 to be accepted)"
