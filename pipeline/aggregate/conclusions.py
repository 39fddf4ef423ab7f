"""How sure the labels are that follow from others: scenes, activities and numbers of people, by the rules of `pipeline.labels.rules`.

A label follows with the chance of its evidence times the chance of the rule. The classes of a tagger exclude each other, so what they say
of a scene adds up; of the objects the one that says most counts. Numbers are judged by the chance that at least so many of the likely
boxes are right: unlikely ones are mostly second boxes of a thing. What speaks for a place indoors speaks as much against one outdoors.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from pipeline.detect.boxes import areas, corners_of, intersections
from pipeline.labels.rules import Rule, follows, lineage, rules
from pipeline.media.types import F32

TOUCH = 0.1
"""Share of the smaller box that lies in the other one when things touch."""
LIKELY = 0.5
"""Chance from which on a box is counted."""
OPPOSITES = ("Indoors", "Outdoors")


@dataclass(frozen=True, slots=True)
class Instance:
    """An object that was seen.

    Attributes:
        box: (4,) left, top, width, height as ratios.
        confidence: 0 to 1.
    """

    box: F32
    confidence: float


Instances = Mapping[str, Sequence[Instance]]
"""Label -> its objects, surest first."""


def raised(labels: Mapping[str, float]) -> dict[str, float]:
    """The labels with their ancestors, which are at least as sure."""
    best: dict[str, float] = {}
    for name in sorted(labels, key=labels.__getitem__, reverse=True):
        if name not in best:  # else something at least as sure has put it there with all its ancestors
            for label in lineage(name):
                best.setdefault(label, labels[name])
    return best


def concluded(seen: Mapping[str, float], classes: Mapping[str, float], instances: Instances) -> dict[str, float]:
    """All labels of a frame, 0 to 1.

    Args:
        seen: Label -> chance, 0 to 1, of everything that models saw.
        classes: Label of a tagger's class -> probability; they exclude each other.
        instances: The objects of the frame.
    """
    followed = _opposed(_followed(classes, instances))
    boxed = [(rule.label, _boxed(rule, instances)) for rule in rules() if rule.kind in {"touch", "count"}]
    first = raised(_surest([*seen.items(), *followed.items(), *boxed]))
    together = [(rule.label, _product(first, rule)) for rule in rules() if rule.kind == "with"]
    return {name: sure for name, sure in raised(_surest([*first.items(), *together])).items() if sure > 0}


def _surest(found: Iterable[tuple[str, float]]) -> dict[str, float]:
    best: dict[str, float] = {}
    for label, sure in found:
        best[label] = max(best.get(label, 0.0), sure)
    return best


def _followed(classes: Mapping[str, float], instances: Instances) -> dict[str, float]:
    sums: dict[str, float] = {}
    for name, probability in classes.items():
        for label, chance in follows(name).items():
            sums[label] = sums.get(label, 0.0) + probability * chance
    tagged = [(label, min(total, 1.0)) for label, total in sums.items()]
    objects = [
        (label, p * found[0].confidence) for name, found in instances.items() for label, p in follows(name).items()
    ]
    return _surest([*tagged, *objects])


def _opposed(followed: Mapping[str, float]) -> dict[str, float]:
    """What follows, less sure where its opposite follows too: a kitchen is indoors, a beach is not."""
    above = raised(followed)
    against = dict(zip(OPPOSITES, (above.get(label, 0.0) for label in reversed(OPPOSITES)), strict=True))
    return {
        label: sure * prod(1 - against[side] for side in OPPOSITES if side in lineage(label))
        for label, sure in followed.items()
    }


def _product(labels: Mapping[str, float], rule: Rule) -> float:
    one, other = (labels.get(name, 0.0) for name in rule.evidence)
    return one * other * rule.chance


def _boxed(rule: Rule, instances: Instances) -> float:
    groups = [_of(name, instances) for name in rule.evidence]
    if not all(groups):
        return 0.0
    return rule.chance * (_touching(*groups) if rule.kind == "touch" else _at_least(rule.least, groups[0]))


def _of(name: str, instances: Instances) -> list[Instance]:
    """The objects that are called so or by a descendant's name."""
    return [instance for label, found in instances.items() if name in lineage(label) for instance in found]


def _touching(some: Sequence[Instance], others: Sequence[Instance]) -> float:
    """Chance that the surest pair of boxes that touch are both right."""
    one, other = (corners_of(np.stack([i.box for i in group])) for group in (some, others))
    smaller = np.minimum(areas(one)[:, None], areas(other)[None])
    touch = intersections(one, other) >= TOUCH * np.maximum(smaller, np.finfo(np.float32).tiny)
    chances = np.outer([i.confidence for i in some], [i.confidence for i in others])
    return float((chances * touch).max())


def _at_least(least: int, found: Sequence[Instance]) -> float:
    """Chance that at least so many of the likely boxes are right, each independently of the others."""
    fewer = np.zeros(least)  # place k: the chance that exactly k of the boxes so far are right
    fewer[0] = 1.0
    for instance in (i for i in found if i.confidence >= LIKELY):
        fewer[1:] = fewer[1:] * (1 - instance.confidence) + fewer[:-1] * instance.confidence
        fewer[0] *= 1 - instance.confidence
    return float(1 - fewer.sum())
