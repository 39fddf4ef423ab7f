"""The labels of an image: what the networks of label detection see of it."""

from pipeline.aggregate.evidence import Evidence, evidence
from pipeline.detect import faces, fusion, objects, second_objects, tags
from pipeline.detect.types import Detections
from pipeline.media.types import Frame
from pipeline.models.types import Models


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
        detector.detect([detector.prepare(frame)])[0],
    )


def _objects(models: Models, frame: Frame) -> Detections:
    first = objects.ObjectDetector(models.load(objects.MODEL), floor=fusion.UNSEEN)
    second = second_objects.SecondObjectDetector(models.load(second_objects.MODEL), floor=fusion.UNSEEN)
    return fusion.fused(first.detect([first.prepare(frame)])[0], second.detect([second.prepare(frame)])[0])
