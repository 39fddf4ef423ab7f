"""The labels that detections are reported as."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

# The category names of Rekognition's label detection (version 3.0).
# Source: Amazon Rekognition developer guide, "Detecting labels in an image", label categories.
CATEGORIES = frozenset(
    {
        "Actions",
        "Animals and Pets",
        "Apparel and Accessories",
        "Beauty and Personal Care",
        "Buildings and Architecture",
        "Colors and Visual Composition",
        "Damage Detection",
        "Education",
        "Events and Attractions",
        "Everyday Objects",
        "Expressions and Emotions",
        "Food and Beverage",
        "Furniture and Furnishings",
        "Health and Fitness",
        "Hobbies and Interests",
        "Home Appliances",
        "Home and Indoors",
        "Kitchen and Dining",
        "Materials",
        "Medical",
        "Nature and Outdoors",
        "Offices and Workspaces",
        "Patterns and Shapes",
        "Performing Arts",
        "Person Description",
        "Plants and Flowers",
        "Popular Landmarks",
        "Profession",
        "Public Safety",
        "Religion",
        "Sports",
        "Symbols and Flags",
        "Technology and Computing",
        "Text and Documents",
        "Tools and Machinery",
        "Toys and Gaming",
        "Transport and Logistics",
        "Travel and Adventure",
        "Vehicles and Automotive",
        "Weapons and Military",
    }
)


@dataclass(frozen=True, slots=True)
class Label:
    """What a detection can be called.

    Attributes:
        name: In Rekognition's style, for example "Golden Retriever".
        parents: All ancestors, nearest first, for example ("Dog", "Canine", "Pet", "Mammal", "Animal").
        aliases: Other names of the same thing.
        categories: Label categories, own or inherited.
    """

    name: str
    parents: tuple[str, ...]
    aliases: tuple[str, ...]
    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All labels, and which of them the classes of the models mean.

    Attributes:
        labels: Name -> label.
        coco: (80) label name of each COCO class.
        imagenet: (1000) label name of each ImageNet class.
    """

    labels: Mapping[str, Label]
    coco: Sequence[str]
    imagenet: Sequence[str]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of labels.tsv: direct parents and own categories only."""

    parents: tuple[str, ...]
    categories: tuple[str, ...]
    aliases: tuple[str, ...]


@cache
def vocabulary() -> Vocabulary:
    """The vocabulary that comes with the program."""
    table = {name: Row(*map(_listed, cells)) for name, *cells in rows("labels.tsv")}
    labels = {name: _resolved(name, table) for name in table}
    return Vocabulary(labels, [name for _, name in rows("coco.tsv")], [name for _, name in rows("imagenet.tsv")])


def rows(file: str) -> list[list[str]]:
    """The tab-separated cells of a data file of this package; comments are left out."""
    text = files("pipeline.labels").joinpath(file).read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if not line.startswith("#")]


def _listed(cell: str) -> tuple[str, ...]:
    return tuple(entry for entry in cell.split(";") if entry)


def _resolved(name: str, table: Mapping[str, Row]) -> Label:
    """The label with all its ancestors; categories of its own, else those of its parents."""
    ancestors = _ancestors(name, table)
    own = table[name].categories
    inherited = (
        [category for parent in table[name].parents for category in _resolved(parent, table).categories]
        if not own
        else []
    )
    return Label(name, ancestors, table[name].aliases, tuple(dict.fromkeys([*own, *inherited])))


def _ancestors(name: str, table: Mapping[str, Row]) -> tuple[str, ...]:
    """Breadth first, each once."""
    level, seen = list(table[name].parents), dict[str, None]()
    while level:
        seen |= dict.fromkeys(level)
        level = [up for parent in level for up in table[parent].parents if up not in seen]
    return tuple(seen)
