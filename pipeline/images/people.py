"""People as folders of photos: who they are, and the one face that each photo shows."""

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.aggregate.faces import face_detail
from pipeline.errors import RequestError, SetupError
from pipeline.images.decode import frame_of
from pipeline.images.face_quality import flaws
from pipeline.images.faces import embedded, found, rows_of, trusted
from pipeline.models.types import Models
from pipeline.store.celebrities import Celebrity
from pipeline.store.faces import NewFace

PICTURES = frozenset({".jpg", ".jpeg", ".png"})
LISTS = ("people.csv", "people.json", "celebrities.csv", "celebrities.json")
"""Files of a folder that say more about the people in it, the first that is there."""
GENDERS = ("Male", "Female", "Nonbinary", "Unlisted")
"""Source: KnownGenderType of the API."""
ID_DIGITS = 8
SURE = 0.8
"""Least score of a face that counts; YuNet's false faces lie below."""
CLEARLY_LARGER = 2.0
"""In area: what the largest face must be of the second largest, or the photo does not say who is meant."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with photos.

    Attributes:
        who: Id, name and what else is known.
        photos: Picture files.
    """

    who: Celebrity
    photos: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class PhotoFace:
    """The face of a photo.

    Attributes:
        digest: SHA-256 of the file, hexadecimal.
        face: As collections keep it.
    """

    digest: str
    face: NewFace


def people_of(folder: Path) -> list[Person]:
    """The people of a folder: one folder of photos each, named by Id or Name, or single photos named so.

    A list (`people.csv` or `people.json` with Id, Name, Urls, KnownGender) says more about them; who is not in it is known by the name of
    the folder or file alone.

    Raises:
        SetupError: the folder has no photos, or its list makes no sense.
    """
    if not folder.is_dir():
        raise SetupError(f"{folder} is not a folder of photos.")
    listed = _listed(folder)
    known = {key.casefold(): person for person in listed for key in (person.id, person.name)}
    photos: dict[str, tuple[Celebrity, list[Path]]] = {}
    for name, path in sorted(_photos(folder)):
        who = known.get(name.casefold()) or Celebrity(identifier(name), name)
        photos.setdefault(who.id, (who, []))[1].append(path)
    without = [person.name for person in listed if person.id not in photos]
    if without:
        raise SetupError(f"{folder} lists {', '.join(without)}, but has no photos of them.")
    if not photos:
        raise SetupError(f"{folder} has no photos (.jpg, .jpeg, .png) in a folder per person.")
    return [Person(who, tuple(paths)) for who, paths in photos.values()]


def photo_face(models: Models, photo: Path) -> PhotoFace:
    """The largest face of a photo.

    Raises:
        RequestError: the file is no picture that can be used, or shows no face that can be, or several.
    """
    content = photo.read_bytes()
    frame = frame_of(content, photo.name)
    there = found(models, frame)
    there = rows_of(there, np.flatnonzero(there.scores >= SURE))
    if not len(there.scores):
        raise RequestError("InvalidParameterException", "shows no face")
    areas = there.boxes[:, 2] * there.boxes[:, 3]
    if len(areas) > 1 and areas[0] < CLEARLY_LARGER * areas[1]:
        raise RequestError(
            "InvalidParameterException", "shows several faces of like size; crop it to the one that is meant"
        )
    reasons = flaws(there, *trusted(frame, there), "LOW")[0]
    if reasons:
        raise RequestError("InvalidParameterException", f"shows a face that is not good enough: {', '.join(reasons)}")
    largest = rows_of(there, np.array([0]))
    detail = face_detail(there, 0)
    vector = embedded(models, frame, largest)[0].astype("<f4").tobytes()
    return PhotoFace(hashlib.sha256(content).hexdigest(), NewFace(detail["BoundingBox"], detail["Confidence"], vector))


def identifier(name: str) -> str:
    """An Id for somebody who has none: the same for the same name."""
    return hashlib.sha256(name.casefold().encode()).hexdigest()[:ID_DIGITS]


def person_of(values: Mapping[str, Any], where: str) -> Celebrity:
    """Id, Name, Urls and KnownGender of a list's entry.

    Raises:
        SetupError: they make no sense; the message says where and why.
    """
    name = str(values.get("Name") or "").strip()
    if not name:
        raise SetupError(f"{where}: Name is missing.")
    id_ = str(values.get("Id") or "").strip() or identifier(name)
    if not (id_.isascii() and id_.isalnum()):
        raise SetupError(f"{where}: Id {id_!r} must consist of letters and digits.")
    urls = values.get("Urls") or ()
    urls = urls.replace(";", " ").split() if isinstance(urls, str) else [str(url) for url in urls]
    gender = values.get("KnownGender") or None
    gender = gender.get("Type") if isinstance(gender, Mapping) else gender
    if gender is not None and gender not in GENDERS:
        raise SetupError(f"{where}: KnownGender {gender!r} is none of {', '.join(GENDERS)}.")
    return Celebrity(id_, name, tuple(urls), gender)


def _listed(folder: Path) -> list[Celebrity]:
    path = next((folder / name for name in LISTS if (folder / name).is_file()), None)
    if path is None:
        return []
    people = [person_of(values, f"{path}, entry {number}") for number, values in enumerate(_entries(path), 1)]
    ids = [person.id for person in people]
    if twice := {id_ for id_ in ids if ids.count(id_) > 1}:
        raise SetupError(f"{path}: the Ids {', '.join(sorted(twice))} occur more than once.")
    return people


def _entries(path: Path) -> list[Mapping[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        entries = json.loads(text) if path.suffix == ".json" else list(csv.DictReader(io.StringIO(text)))
    except (UnicodeDecodeError, json.JSONDecodeError, csv.Error) as error:
        raise SetupError(f"{path} cannot be read: {error}") from error
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise SetupError(f"{path} must list objects with Id, Name, Urls and KnownGender.")
    return entries


def _photos(folder: Path) -> Iterator[tuple[str, Path]]:
    """(name of the person, photo)."""
    for path in folder.rglob("*"):
        if path.suffix.casefold() in PICTURES and path.is_file():
            inside = path.relative_to(folder).parts
            yield (inside[0] if len(inside) > 1 else path.stem), path
