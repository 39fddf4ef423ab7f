"""DetectProtectiveEquipment: masks on faces, helmets and caps on heads of the people of an image."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.detect import face_covers, head_covers, objects
from pipeline.detect.boxes import picture_size
from pipeline.detect.face_covers import FaceCoverJudge
from pipeline.detect.noses import covered_noses
from pipeline.detect.types import Faces
from pipeline.images.call import Call
from pipeline.images.equipment import cover_share, face_part, head_part, person
from pipeline.images.equipment_summary import summary
from pipeline.images.faces import found, rows_of
from pipeline.images.limits import Limits
from pipeline.images.wearers import Head, Wearer, head, wearers
from pipeline.media.types import U8, Frame
from pipeline.models.types import Models

LIMITS = Limits(least_side=64, max_bytes=4 * 1024**2)
"""Source: Amazon Rekognition developer guide, "Guidelines and quotas"; its 4096 pixels of a side are not kept, as cameras take more and
nothing here needs them."""
VERSION = "1.0"


def answer(call: Call) -> dict[str, Any]:
    """Persons, largest first, and a Summary where one is asked for.

    Raises:
        RequestError: the image cannot be used.
    """
    frame = call.picture(limits=LIMITS).frame
    persons = equipped(call.models, frame)
    wanted = call.request.get("SummarizationAttributes")
    told = {} if wanted is None else {"Summary": summary(persons, wanted)}
    return {"ProtectiveEquipmentModelVersion": VERSION, "Persons": persons, **told}


def equipped(models: Models, frame: Frame) -> list[dict[str, Any]]:
    """The Persons of an image."""
    detector = objects.ObjectDetector(models.load(objects.MODEL))
    faces = found(models, frame)
    people = wearers(detector.detect([detector.prepare(frame)])[0], faces, frame.width, frame.height)
    picture = frame.rgb(*picture_size(frame))
    heads = [head(someone, faces, frame.aspect) for someone in people]
    covers = _covers(models, picture, faces, people)
    capped = _capped(models, picture, [each for each in heads if each is not None])
    answers = []
    for number, (someone, its) in enumerate(zip(people, heads, strict=True)):
        parts = [face_part(faces, someone.face, *covers[someone.face])] if someone.face >= 0 else []
        parts += [] if its is None else [head_part(its, capped.pop(0))]
        answers.append(person(number, someone, parts))
    return answers


def _covers(models: Models, picture: U8, faces: Faces, people: Sequence[Wearer]) -> Mapping[int, tuple[float, float]]:
    """Row of each face that is somebody's -> how sure a mask on it is, and that it covers the nose, 0 to 1."""
    rows = np.array([someone.face for someone in people if someone.face >= 0], np.int64)
    theirs = rows_of(faces, rows)
    masked = FaceCoverJudge(models.load(face_covers.MODEL)).judged(picture, theirs.boxes)
    covered = covered_noses(picture, theirs, masked)
    return {int(row): (float(a), float(b)) for row, a, b in zip(rows, masked, covered, strict=True)}


def _capped(models: Models, picture: U8, heads: Sequence[Head]) -> list[float]:
    """How sure it is that each head wears a helmet or cap, 0 to 1."""
    if not heads:
        return []
    boxes = np.stack([each.box for each in heads])
    shares = head_covers.load(models).judged(picture, boxes)
    return [float(share) for share in cover_share(shares, np.array([each.faced for each in heads]))]
