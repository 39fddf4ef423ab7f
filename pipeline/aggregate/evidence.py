"""How sure the labels of a frame are, from what the object detector and the tagger saw of it and of its neighbours.

1. A detected object's score is taken as the probability that it is there. People are by far the commonest objects of COCO and are
   found with far above average precision, so the same score is worth more for them: their odds are multiplied by 1.5.
2. The tagger's probabilities exclude each other, so those of all classes under a label add up: "Dog" is as sure as all breeds together.
3. Both look independently: the label is wrong only where both are (1 - (1 - a)(1 - b)). Whatever makes a label sure makes its
   ancestors at least as sure.
4. What stays in view is seen again half a second before or after; what is seen once is mostly an error of the moment. So a label is at most
   as sure as the mean of itself and the surer one of its neighbours (sequence rescoring).
   Source: Han et al., "Seq-NMS for Video Object Detection", 2016, for the idea.

So 50 percent means about an even chance. A still picture has no neighbours: step 4 does nothing there.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.detect.types import Detections, Tags
from pipeline.labels.vocabulary import vocabulary
from pipeline.media.types import F32

PERSON = 0
PERSON_ODDS = 1.5


@dataclass(frozen=True, slots=True)
class Instance:
    """An object that was seen.

    Attributes:
        box: (4,) left, top, width, height as ratios.
        confidence: 0 to 1.
    """

    box: F32
    confidence: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one frame says.

    Attributes:
        labels: Label name -> how sure it is, 0 to 1, ancestors included.
        instances: Label name -> its objects, surest first.
    """

    labels: Mapping[str, float]
    instances: Mapping[str, Sequence[Instance]]


def evidence(objects: Detections | None, tags: Tags | None) -> Evidence:
    """The labels of one frame; a stage that did not look at it is None."""
    instances = _instances(objects)
    seen: dict[str, float] = defaultdict(float)
    for name, found in instances.items():
        for label in _lineage(name):
            seen[label] = max(seen[label], found[0].confidence)
    tagged = _tagged(tags)
    labels = {name: 1 - (1 - seen.get(name, 0.0)) * (1 - tagged.get(name, 0.0)) for name in {*seen, *tagged}}
    return Evidence(labels, instances)


def steadied(now: Evidence, neighbours: Sequence[Evidence]) -> Evidence:
    """The frame's evidence after a look at the samples beside it; unchanged where there are none."""
    if not neighbours:
        return now
    labels = {}
    for name, sure in now.labels.items():
        beside = max(other.labels.get(name, 0.0) for other in neighbours)
        labels[name] = min(sure, (sure + beside) / 2)
    share = {name: labels[name] / now.labels[name] for name in now.instances}
    return Evidence(labels, {name: [_scaled(i, share[name]) for i in found] for name, found in now.instances.items()})


def probabilities(objects: Detections) -> F32:
    """(N,) chance that each detected object is there, 0 to 1."""
    factor = np.where(objects.classes == PERSON, PERSON_ODDS, 1.0)
    weighted = factor * objects.scores
    chance: F32 = (weighted / (weighted + 1 - objects.scores)).astype(np.float32)
    return chance


def _instances(objects: Detections | None) -> dict[str, list[Instance]]:
    found: dict[str, list[Instance]] = defaultdict(list)
    if objects is not None:
        names = vocabulary().coco
        for box, chance, number in zip(objects.boxes, probabilities(objects), objects.classes, strict=True):
            found[names[number]].append(Instance(box, float(chance)))
    return {name: sorted(several, key=lambda i: -i.confidence) for name, several in found.items()}


def _tagged(tags: Tags | None) -> dict[str, float]:
    """Label name -> sum of the probabilities of the classes that it covers."""
    sums: dict[str, float] = defaultdict(float)
    if tags is not None:
        names = vocabulary().imagenet
        for number, score in zip(tags.classes, tags.scores, strict=True):
            for label in _lineage(names[number]):
                sums[label] += float(score)
    return {name: min(total, 1.0) for name, total in sums.items()}


def _lineage(name: str) -> tuple[str, ...]:
    return (name, *vocabulary().labels[name].parents)


def _scaled(instance: Instance, share: float) -> Instance:
    return Instance(instance.box, instance.confidence * share)
