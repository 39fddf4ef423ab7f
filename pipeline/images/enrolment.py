"""Photos of a folder as faces of a collection: what each is called, what it shows, and who is meant."""

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.aggregate.faces import face_detail
from pipeline.detect.types import Faces
from pipeline.errors import RequestError
from pipeline.images.decode import frame_of
from pipeline.images.face_quality import flaws
from pipeline.images.faces import embedded, found, rows_of, trusted
from pipeline.images.index_faces import limited
from pipeline.images.limits import LIMITS
from pipeline.images.people import CLEARLY_LARGER, PICTURES, SURE
from pipeline.media.still import Still
from pipeline.models.types import Models
from pipeline.store.faces import NewFace

EXTERNAL_ID, USER_ID = 255, 128
"""Characters at most. Source: Amazon Rekognition API reference, ExternalImageId and UserId."""
_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture file of a folder.

    Attributes:
        path: Where it is.
        label: Its ExternalImageId.
        person: UserId of who is on it: the first folder of its path, or the name of the file.
    """

    path: Path
    label: str
    person: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What a photo shows.

    Attributes:
        digest: SHA-256 of the file, hexadecimal.
        faces: Those that are good enough, largest first.
        reasons: Why others are not, each once.
    """

    digest: str
    faces: Sequence[NewFace]
    reasons: Sequence[str]


def photos_of(folder: Path) -> list[Photo]:
    """The pictures (.jpg, .jpeg, .png) in a folder and in those within it, hidden ones left out, in the order of their names."""
    inside = sorted(path.relative_to(folder) for path in folder.rglob("*") if _is_picture(path))
    return [Photo(folder / path, label_of(path), _person(path)) for path in inside if not _hidden(path)]


def label_of(path: Path) -> str:
    """The ExternalImageId of the photo with this path in its folder: `Ann Lee/at home.jpg` is `Ann_Lee:at_home`."""
    return named(":".join([*path.parent.parts, path.stem]), EXTERNAL_ID)


def named(text: str, most: int) -> str:
    """The text in letters, digits and `_.-:`, at most so many characters.

    Accents are dropped, and what else cannot stay becomes `_`. Where that was more than accents and spaces, or the text is too long, a
    part of its SHA-256 follows, so that other texts stay others.
    """
    plain = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
    clean = re.sub(r"[^a-zA-Z0-9_.\-:]", "_", plain)
    if 0 < len(clean) <= most and clean == plain.replace(" ", "_"):
        return clean
    digest = hashlib.sha256(unicodedata.normalize("NFC", text).encode("utf-8", "surrogateescape")).hexdigest()
    return f"{clean[: most - _DIGITS - 1]}-{digest[:_DIGITS]}"


def seen(models: Models, photo: Photo, level: str, most: int, alone: bool) -> Seen:
    """The faces of a photo.

    Args:
        models: The networks.
        photo: Which one.
        level: A QualityFilter.
        most: How many faces are wanted; of better ones the largest.
        alone: Keep nobody but who is meant, and refuse a photo that does not say who that is: the largest face is hardly larger than
            the next, or not good enough, whoever stands behind.

    Raises:
        RequestError: the file is no picture that can be used, or does not say who is meant.
        OSError: it cannot be read.
    """
    size = photo.path.stat().st_size
    if size > LIMITS.max_bytes:
        raise RequestError("ImageTooLargeException", f"has {size} bytes; {LIMITS.max_bytes} are allowed")
    content = photo.path.read_bytes()
    frame = frame_of(content, photo.path.name)
    there = found(models, frame)
    flawed = flaws(there, *trusted(frame, there), level)
    reasons = limited(flawed, most)
    rows = [row for row, why in enumerate(reasons) if not why]
    if alone and rows:
        rows = [_one(there, flawed)]
    others = dict.fromkeys(reason for why in reasons for reason in why)
    return Seen(hashlib.sha256(content).hexdigest(), _kept(models, frame, there, rows), list(others))


def digest_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def meant(areas: Sequence[float]) -> int | None:
    """Which of the faces with these areas a photo is of; None: it does not say."""
    ranked = sorted(range(len(areas)), key=lambda row: -areas[row])
    if len(ranked) > 1 and areas[ranked[0]] < CLEARLY_LARGER * areas[ranked[1]]:
        return None
    return ranked[0] if ranked else None


def _one(there: Faces, flawed: Sequence[Sequence[str]]) -> int:
    """The row of the face that is meant."""
    sure = np.flatnonzero(there.scores >= SURE)
    candidates = sure if len(sure) else np.arange(len(there.scores))
    chosen = meant([float(width * height) for _, _, width, height in there.boxes[candidates]])
    if chosen is None:
        raise RequestError(
            "InvalidParameterException", "shows several faces of like size; crop it to the one that is meant"
        )
    row = int(candidates[chosen])
    if flawed[row]:
        raise RequestError(
            "InvalidParameterException", f"shows a face that is not good enough: {', '.join(flawed[row])}"
        )
    return row


def _kept(models: Models, frame: Still, there: Faces, rows: Sequence[int]) -> list[NewFace]:
    vectors = embedded(models, frame, rows_of(there, np.array(rows, np.int64))).astype("<f4")
    details = [face_detail(there, row) for row in rows]
    pairs = zip(details, vectors, strict=True)
    return [NewFace(detail["BoundingBox"], detail["Confidence"], vector.tobytes()) for detail, vector in pairs]


def _person(path: Path) -> str:
    return named(path.parts[0] if len(path.parts) > 1 else path.stem, USER_ID)


def _is_picture(path: Path) -> bool:
    return path.suffix.casefold() in PICTURES and path.is_file()


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
