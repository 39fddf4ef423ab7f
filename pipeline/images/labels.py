"""The labels of an image: what the networks of label detection see of it."""

import numpy as np
from numpy.typing import NDArray

from pipeline.aggregate.evidence import Evidence, evidence
from pipeline.detect import faces, fusion, objects, second_objects, tags
from pipeline.detect.boxes import areas, corners_of, intersections
from pipeline.detect.types import Detections, Faces
from pipeline.images.faces import rows_of
from pipeline.media.types import F32, Frame
from pipeline.models.types import Models

ANIMALS = range(14, 24)
"""COCO's birds to giraffes."""
ANIMAL = 0.5
"""Least score of an animal that can own a face: an even chance."""
MOST_OF = 0.5
"""Share of a face that lies in a box which it belongs to."""


def seen(models: Models, frame: Frame) -> Evidence:
    """What the image says of every label, 0 to 1, as a sampled frame of a video would.

    There are no neighbours to ask, but there is time for a second detector of objects.
    """
    found = _objects(models, frame)
    tagger, second = tags.Tagger(models.load(tags.MODEL)), tags.SecondTagger(models.load(tags.SECOND_MODEL))
    detector = faces.FaceDetector(models.load(faces.MODEL))
    return evidence(
        found,
        [tagger.detect([tagger.prepare(frame)])[0], second.detect([second.prepare(frame)])[0]],
        of_people(detector.detect([detector.prepare(frame)])[0], found),
    )


def of_people(there: Faces, found: Detections) -> Faces:
    """The faces without those of animals: they lie in the box of one, and in nobody's, however weakly a person is seen."""
    animals = found.boxes[np.isin(found.classes, ANIMALS) & (found.scores >= ANIMAL)]
    people = found.boxes[found.classes == objects.PERSON]
    return rows_of(there, np.flatnonzero(~_within(there, animals) | _within(there, people)))


def _within(there: Faces, boxes: F32) -> NDArray[np.bool_]:
    """(N,) whether a face lies in one of the boxes (M, 4)."""
    own = corners_of(there.boxes)
    shares = intersections(own, corners_of(boxes)) / np.maximum(areas(own), 1e-12)[:, None]
    return np.asarray((shares >= MOST_OF).any(axis=1))


def _objects(models: Models, frame: Frame) -> Detections:
    first = objects.ObjectDetector(models.load(objects.MODEL), floor=fusion.UNSEEN)
    second = second_objects.SecondObjectDetector(models.load(second_objects.MODEL), floor=fusion.UNSEEN)
    return fusion.fused(first.detect([first.prepare(frame)])[0], second.detect([second.prepare(frame)])[0])
