"""How sure the labels of a frame are, from what detectors and taggers saw of it and of its neighbours.

1. The taggers are independent networks: a class is as sure as the mean of their probabilities, so that one alone that errs stays below 50.
   The classes exclude each other, so those of all classes under a label add up: "Dog" is as sure as all breeds together.
2. A detected object's score becomes the chance that it is there. For things, odds = 0.7 · (odds of the score)^1.2 · √(1 + 100 t), t
   being what the taggers give the label, up to 0.1. The form and the coefficients, rounded, are those of a logistic regression on
   whether EfficientDet-Lite2, a stronger detector of another family, sees the same object in 1,168 unlabelled frames and pictures; the
   factor, 0.6 there, is raised because that detector misses some things too. People are by far the commonest objects of COCO and are
   found with far above average precision: their odds are multiplied by 1.5.
3. A label is as sure as the surest that says so; whatever makes a label sure makes its ancestors at least as sure.
4. Scenes, activities and numbers of people follow from these (see `conclusions`).
5. What stays in view is seen again half a second before and after; what is seen once is mostly an error of the moment. So a label is at
   most as sure as the mean of itself, the surer of its neighbours and, with half the weight, the other one (sequence rescoring): seen in
   two samples in a row it keeps four fifths of its confidence, seen in one, two fifths.
   Source: Han et al., "Seq-NMS for Video Object Detection", 2016, for the idea.

So 50 percent means about an even chance. A still picture has no neighbours: step 5 does nothing there.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import mul

import numpy as np

from pipeline.aggregate.conclusions import Instance, Instances, concluded
from pipeline.detect.objects import PERSON
from pipeline.detect.types import Detections, Faces, Tags
from pipeline.labels.rules import lineage
from pipeline.labels.sources import FACE
from pipeline.labels.vocabulary import vocabulary
from pipeline.media.types import F32

PERSON_ODDS = 1.5
THING_ODDS, THING_POWER = 0.7, 1.2
TAG_SHARE, TAG_CAP = 0.01, 0.1
WEIGHTS = (1.0, 1.0, 0.5)
"""Of a sample, its surer neighbour and the other one."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one frame says.

    Attributes:
        labels: Label name -> how sure it is, 0 to 1, ancestors included.
        instances: Label name -> its objects, surest first.
    """

    labels: Mapping[str, float]
    instances: Instances


def evidence(objects: Detections | None, tags: Sequence[Tags | None] = (), faces: Faces | None = None) -> Evidence:
    """The labels of one frame; a stage that did not look at it is None."""
    classes = _classes([found for found in tags if found is not None])
    tagged = _summed(classes)
    instances = _instances(objects, tagged)
    boxed = {name: found[0].confidence for name, found in instances.items()} | _faces(faces)
    seen = tagged | {name: max(sure, tagged.get(name, 0.0)) for name, sure in boxed.items()}
    return Evidence(concluded(seen, classes, instances), instances)


def steadied(now: Evidence, neighbours: Sequence[Evidence], least: float = 0.0) -> Evidence:
    """The frame's evidence after a look at the samples beside it, which makes nothing surer; unchanged where there are none.

    Args:
        now: The frame's.
        neighbours: Of the samples beside it.
        least: What is less sure than this, 0 to 1, is of no interest, and may be left out.
    """
    if not neighbours:
        return now
    likely = {name: sure for name, sure in now.labels.items() if sure >= least}
    objects = {name: found for name, found in now.instances.items() if name in likely}
    weights = WEIGHTS[: 1 + len(neighbours)]
    labels = {}
    for name, sure in likely.items():
        beside = sorted((other.labels.get(name, 0.0) for other in neighbours), reverse=True)
        mean = sum(map(mul, weights, (sure, *beside))) / sum(weights)
        labels[name] = min(sure, mean)
    share = {name: labels[name] / likely[name] for name in objects}
    return Evidence(labels, {name: [_scaled(i, share[name]) for i in found] for name, found in objects.items()})


def probabilities(objects: Detections, support: F32) -> F32:
    """(N,) chance that each detected object is there, 0 to 1; `support`: (N,) what the taggers give its label, 0 to 1."""
    scores = np.clip(objects.scores.astype(np.float64), 0, 1 - 1e-6)
    odds = scores / (1 - scores)
    things = THING_ODDS * odds**THING_POWER * np.sqrt(1 + np.minimum(support, TAG_CAP) / TAG_SHARE)
    weighted = np.where(objects.classes == PERSON, PERSON_ODDS * odds, things)
    chance: F32 = (weighted / (1 + weighted)).astype(np.float32)
    return chance


def _instances(objects: Detections | None, tagged: Mapping[str, float]) -> dict[str, list[Instance]]:
    found: dict[str, list[Instance]] = defaultdict(list)
    if objects is not None:
        names = [vocabulary().coco[number] for number in objects.classes]
        support = np.array([tagged.get(name, 0.0) for name in names], np.float32)
        for box, chance, name in zip(objects.boxes, probabilities(objects, support), names, strict=True):
            found[name].append(Instance(box, float(chance)))
    return {name: sorted(several, key=lambda i: -i.confidence) for name, several in found.items()}


def _faces(faces: Faces | None) -> dict[str, float]:
    return {} if faces is None or not len(faces.scores) else {FACE: float(faces.scores.max())}


def _classes(tags: Sequence[Tags]) -> dict[str, float]:
    """Label of a class -> mean of the taggers' probabilities."""
    sums: dict[str, float] = defaultdict(float)
    names = vocabulary().imagenet
    for found in tags:
        for number, score in zip(found.classes.tolist(), found.scores.tolist(), strict=True):
            sums[names[number]] += score / len(tags)
    return dict(sums)


def _summed(classes: Mapping[str, float]) -> dict[str, float]:
    """Label -> sum over the classes that it covers."""
    sums: dict[str, float] = defaultdict(float)
    for name, probability in classes.items():
        for label in lineage(name):
            sums[label] += probability
    return {name: min(total, 1.0) for name, total in sums.items()}


def _scaled(instance: Instance, share: float) -> Instance:
    return Instance(instance.box, instance.confidence * share)
