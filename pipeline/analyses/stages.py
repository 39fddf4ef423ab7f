"""The stages that several analyses share: in one pass each of them looks at a frame once, whoever asks for it.

A stage's key says what it finds and how often; stages of one kind share a lane, so that analyses with other steps share frames as well.
Only text is read step by step: what is carried forward depends on the frames between. Equal frames in a row are looked at once.
"""

import os
from collections.abc import Iterable, MutableMapping
from weakref import WeakKeyDictionary

from pipeline.analyses.types import Stage
from pipeline.detect import (
    appearance,
    body_parts,
    embeddings,
    explicit,
    faces,
    objects,
    tags,
    text_boxes,
    text_lines,
    text_reading,
    traits,
)
from pipeline.detect.repeats import LooksOnce
from pipeline.media.types import Every
from pipeline.models.types import Models

_TAGGERS: MutableMapping[Models, dict[int, tuple[LooksOnce, LooksOnce]]] = WeakKeyDictionary()


def object_stage(models: Models, step_ms: int) -> Stage:
    """`Detections` of COCO's classes; needs the model `objects.MODEL`."""
    detector = LooksOnce(objects.ObjectDetector(models.load(objects.MODEL)))
    return Stage(f"objects-{step_ms}ms", detector, Every(step_ms), lane="objects")


def appearance_stage(step_ms: int) -> Stage:
    """`Appearances` of the people of `object_stage` at the same step."""
    key, needs = f"looks-{step_ms}ms", f"objects-{step_ms}ms"
    return Stage(key, appearance.AppearanceDetector(), Every(step_ms), needs=needs, lane="looks")


def tag_stage(models: Models, step_ms: int) -> Stage:
    """`Tags` of ImageNet's classes; needs the model `tags.MODEL`."""
    return Stage(f"tags-{step_ms}ms", taggers(models)[0], Every(step_ms), lane="tags")


def second_tag_stage(models: Models, step_ms: int) -> Stage:
    """`Tags` of ImageNet's classes by another network; needs the model `tags.SECOND_MODEL`."""
    return Stage(f"second-tags-{step_ms}ms", taggers(models)[1], Every(step_ms), lane="second-tags")


def taggers(models: Models) -> tuple[LooksOnce, LooksOnce]:
    """Both taggers, the same for all stages of a process, so that those of another lane that ask about a frame have it looked at once."""
    try:
        mine = _TAGGERS.setdefault(models, {})
    except TypeError:  # models that no dictionary can hold are not shared
        mine = {}
    process = os.getpid()  # what was loaded before a fork is of no use after it
    if process not in mine:
        first, second = models.load(tags.MODEL), models.load(tags.SECOND_MODEL)
        mine[process] = LooksOnce(tags.Tagger(first)), LooksOnce(tags.SecondTagger(second))
    return mine[process]


def explicit_stage(models: Models, step_ms: int) -> Stage:
    """`Values` of the classifiers of explicit pictures; needs the models `explicit.MODELS`."""
    return Stage(f"explicit-{step_ms}ms", LooksOnce(_classifiers(models)), Every(step_ms), lane="explicit")


def counting_explicit_stage(models: Models, step_ms: int, counts: explicit.Counts) -> Stage:
    """As `explicit_stage`, in frames where they may count; needs the models of both taggers, and `object_stage` with the same step."""
    detector = LooksOnce(explicit.ExplicitWhereItCounts(_classifiers(models), taggers(models), counts))
    return Stage(f"explicit-{step_ms}ms", detector, Every(step_ms), needs=f"objects-{step_ms}ms", lane="explicit")


def _classifiers(models: Models) -> explicit.ExplicitDetector:
    return explicit.ExplicitDetector(models.load(explicit.MODEL), models.load(explicit.SECOND_MODEL))


def part_stage(models: Models, step_ms: int) -> Stage:
    """`Values` of the classes of body parts; needs the model `body_parts.MODEL`."""
    detector = LooksOnce(body_parts.BodyPartDetector(models.load(body_parts.MODEL)))
    return Stage(f"parts-{step_ms}ms", detector, Every(step_ms), lane="parts")


def face_stage(models: Models, step_ms: int) -> Stage:
    """`Faces`; needs the model `faces.MODEL`."""
    detector = LooksOnce(faces.FaceDetector(models.load(faces.MODEL)))
    return Stage(f"faces-{step_ms}ms", detector, Every(step_ms), lane="faces")


def trait_stage(models: Models, step_ms: int) -> Stage:
    """`FaceTraits` of the faces of `face_stage` at the same step; needs the models `traits.MODELS`."""
    detector = LooksOnce(traits.TraitDetector(traits.load(models)))
    return Stage(f"traits-{step_ms}ms", detector, Every(step_ms), needs=f"faces-{step_ms}ms", lane="traits")


def embedding_stage(models: Models, step_ms: int) -> Stage:
    """`Embeddings` of the faces of `face_stage` at the same step; needs the models `embeddings.MODELS`."""
    key, needs = f"face-embeddings-{step_ms}ms", f"faces-{step_ms}ms"
    return Stage(key, LooksOnce(embeddings.embedder(models)), Every(step_ms), needs=needs, lane="face-embeddings")


def known_face_stages(models: Models, steps_ms: Iterable[int]) -> list[Stage]:
    """`Faces` and their `Embeddings` at each of the steps; need the models `embeddings.MODELS`."""
    return [stage for step in steps_ms for stage in (face_stage(models, step), embedding_stage(models, step))]


def text_box_stage(models: Models, step_ms: int) -> Stage:
    """`TextBoxes`: where text is; needs the model `text_boxes.MODEL`."""
    detector = LooksOnce(text_boxes.TextBoxDetector(models.load(text_boxes.MODEL)))
    return Stage(f"text-boxes-{step_ms}ms", detector, Every(step_ms), lane="text-boxes")


def text_stage(models: Models, step_ms: int) -> Stage:
    """`TextLines`: what is written; needs the model `text_reading.MODEL` and `text_box_stage` with the same step."""
    detector = text_lines.TextLineDetector(text_reading.Reader(models.load(text_reading.MODEL)))
    key = f"text-{step_ms}ms"
    return Stage(key, detector, Every(step_ms), needs=f"text-boxes-{step_ms}ms", lane=key)
