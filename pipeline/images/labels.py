"""The labels of an image: what the networks of label detection see of it."""

from pipeline.aggregate.evidence import Evidence, evidence
from pipeline.detect import faces, objects, tags
from pipeline.media.types import Frame
from pipeline.models.types import Models


def seen(models: Models, frame: Frame) -> Evidence:
    """What the image says of every label, 0 to 1, as a sampled frame of a video would; there are no neighbours to ask."""
    finder = objects.ObjectDetector(models.load(objects.MODEL))
    tagger, second = tags.Tagger(models.load(tags.MODEL)), tags.SecondTagger(models.load(tags.SECOND_MODEL))
    detector = faces.FaceDetector(models.load(faces.MODEL))
    return evidence(
        finder.detect([finder.prepare(frame)])[0],
        [tagger.detect([tagger.prepare(frame)])[0], second.detect([second.prepare(frame)])[0]],
        detector.detect([detector.prepare(frame)])[0],
    )
