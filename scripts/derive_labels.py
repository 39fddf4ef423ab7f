"""Derive pipeline/labels/{labels,imagenet}.tsv from the curated taxonomy and renames and from WordNet 3.0.

    python scripts/derive_labels.py SYNSETS DATA_NOUN

SYNSETS is timm's `imagenet_synsets.txt` (one wnid per class), DATA_NOUN is WordNet 3.0's `data.noun`. Each ImageNet class becomes a
label: its curated name, else its first lemma in title case; its parents are the nearest curated labels up its hypernyms.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

LABELS = Path(__file__).parents[1] / "pipeline" / "labels"
PATTERN = re.compile(r"[A-Za-z0-9àâèçñó'\-_(). ]{1,50}")
SMALL_WORDS = {"of", "the", "and", "des", "in"}
FALLBACK = (("animal", "Animals and Pets"), ("food", "Food and Beverage"), ("geological formation", "Nature and Outdoors"),
            ("plant part", "Plants and Flowers"), ("weapon", "Weapons and Military"), ("structure", "Buildings and Architecture"),
            ("musical instrument", "Hobbies and Interests"), ("clothing", "Apparel and Accessories"),
            ("tool", "Tools and Machinery"), ("device", "Tools and Machinery"), ("equipment", "Tools and Machinery"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Synset:
    """A WordNet noun synset: its lemmas and the offsets of its hypernyms."""

    lemmas: tuple[str, ...]
    hypernyms: tuple[str, ...]


@dataclass(slots=True)
class Label:
    """A row of labels.tsv under construction."""

    parents: list[str]
    categories: list[str] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)


def rows(path: Path) -> Iterator[list[str]]:
    """The tab-separated cells of a file's rows; comments and empty lines are left out."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield [cell.strip() for cell in line.split("\t")]


def listed(cell: str) -> list[str]:
    """The entries of a cell such as "Car;Vehicle"; none for "" and "-"."""
    return [entry for entry in cell.split(";") if entry and entry != "-"]


def nouns(path: Path) -> dict[str, Synset]:
    """Offset -> synset. Source: wndb(5WN)."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("  "):
            continue
        head = line.partition(" | ")[0].split()
        count = int(head[3], 16)
        lemmas = tuple(head[4 + 2 * i].replace("_", " ") for i in range(count))
        pointers = head[4 + 2 * count + 1 :]
        up = tuple(
            pointers[i + 1] for i in range(0, len(pointers), 4) if pointers[i] in {"@", "@i"} and pointers[i + 2] == "n"
        )
        found[head[0]] = Synset(lemmas, up)
    return found


def ancestors(synsets: Mapping[str, Synset], offset: str) -> list[str]:
    """Offsets above a synset, nearest first."""
    level, seen = list(synsets[offset].hypernyms), []
    while level:
        seen += [o for o in level if o not in seen]
        level = [up for o in level for up in synsets[o].hypernyms if up not in seen]
    return seen


def nearest(synsets: Mapping[str, Synset], offset: str, anchors: Mapping[str, str]) -> list[str]:
    """Labels of the first anchor on each way up from a synset."""
    found: list[str] = []
    for up in synsets[offset].hypernyms:
        labels = [anchors[up]] if up in anchors else nearest(synsets, up, anchors)
        found += [label for label in labels if label not in found]
    return found


def titled(lemma: str) -> str:
    """A lemma in title case: "golden retriever" -> "Golden Retriever"."""
    words = lemma.split()
    return " ".join(
        w if i and w in SMALL_WORDS else "-".join(p[:1].upper() + p[1:] for p in w.split("-"))
        for i, w in enumerate(words)
    )


def everyday(lemma: str, common: set[str]) -> bool:
    """Whether a lemma is a common name, not a Latin binomial, and fits the API's pattern."""
    head, *rest = lemma.split()
    latin = head[:1].isupper() and any(word.islower() and word not in common for word in rest)
    return bool(PATTERN.fullmatch(titled(lemma))) and not latin


def anchored(taxonomy: list[list[str]], synsets: Mapping[str, Synset], reachable: set[str]) -> dict[str, str]:
    """Offset -> curated label, for the synsets above ImageNet's classes that the taxonomy names."""
    found = {}
    for name, *_, anchors in taxonomy:
        for anchor in listed(anchors):
            first, *second = anchor.split(",")
            for offset in reachable:
                lemmas = synsets[offset].lemmas
                if lemmas[0] == first and (not second or second[0] in lemmas):
                    found[offset] = name
    return found


def derived(ids: list[str], synsets: Mapping[str, Synset]) -> tuple[dict[str, Label], list[str]]:
    """All labels by name, and the label of each class."""
    taxonomy = [(row + [""] * 5)[:5] for row in rows(LABELS / "taxonomy.tsv")]
    labels = {
        name: Label(listed(parents), listed(categories), listed(aliases))
        for name, parents, categories, aliases, _ in taxonomy
    }
    curated = set(labels)
    renames = {int(index): name for index, name in rows(LABELS / "renames.tsv")}
    above = {offset: ancestors(synsets, offset) for offset in ids}
    anchors = anchored(taxonomy, synsets, {o for chain in above.values() for o in chain} | set(ids))
    unwanted = {alias for (alias,) in rows(LABELS / "unwanted.tsv")}
    common = {lemma for synset in synsets.values() for lemma in synset.lemmas if lemma.islower()}
    names = [
        renames.get(index) or anchors.get(offset) or titled(synsets[offset].lemmas[0])
        for index, offset in enumerate(ids)
    ]
    for name, offset in zip(names, ids, strict=True):
        if name not in curated:
            label = labels.setdefault(name, Label([]))
            label.parents += [p for p in nearest(synsets, offset, anchors) if p not in label.parents and p != name]
            label.categories = label.categories or ([] if label.parents else [fallback(synsets, above[offset])])
        if name not in curated or name in renames.values():
            label = labels[name]
            label.aliases += [
                titled(a)
                for a in synsets[offset].lemmas
                if everyday(a, common) and titled(a) not in {name, *label.aliases, *unwanted}
            ]
    return labels, names


def fallback(synsets: Mapping[str, Synset], chain: list[str]) -> str:
    """Category of a class without a curated ancestor."""
    lemmas = {synsets[offset].lemmas[0] for offset in chain}
    return next((category for lemma, category in FALLBACK if lemma in lemmas), "Everyday Objects")


def tidy(labels: dict[str, Label]) -> None:
    """Parents that are ancestors of other parents go; an alias belongs to one label and is nobody's name."""
    for label in labels.values():
        label.parents = [
            p for p in label.parents if not any(p in lineage(labels, other) for other in label.parents if other != p)
        ]
    taken = {name.casefold() for name in labels}
    for label in labels.values():
        label.aliases = [a for a in label.aliases if a.casefold() not in taken and not taken.add(a.casefold())]  # type: ignore[func-returns-value]


def lineage(labels: Mapping[str, Label], name: str) -> set[str]:
    """All ancestors of a label."""
    found: set[str] = set()
    for parent in labels[name].parents:
        found |= {parent} | lineage(labels, parent)
    return found


def notice(path: Path) -> str:
    """The licence at the head of WordNet's file as comment lines; every copy of what was made of it must carry it."""
    lines = [line[4:].strip() for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("  ")]
    return "".join(
        f"# {line}".rstrip() + "\n"
        for line in ["Derived by scripts/derive_labels.py from the curated files and from WordNet 3.0.", "", *lines]
    )


def main() -> None:
    """Write the two files."""
    wordnet = Path(sys.argv[2])
    ids = [line.strip()[1:] for line in Path(sys.argv[1]).read_text().splitlines()]
    labels, names = derived(ids, nouns(wordnet))
    tidy(labels)
    cells = (
        "\t".join([name, ";".join(v.parents), ";".join(v.categories), ";".join(v.aliases)])
        for name, v in sorted(labels.items())
    )
    (LABELS / "labels.tsv").write_text(notice(wordnet) + "".join(f"{row}\n" for row in cells), encoding="utf-8")
    (LABELS / "imagenet.tsv").write_text(
        notice(wordnet) + "".join(f"{i}\t{name}\n" for i, name in enumerate(names)), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
