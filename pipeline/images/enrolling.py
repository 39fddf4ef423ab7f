"""Many photos into a collection: what is there already is passed over, and what is new is kept in transactions of several photos."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from pipeline.errors import ModelError, RequestError
from pipeline.images.enrolment import Photo, Seen, digest_of, meant, seen
from pipeline.models.types import Models
from pipeline.services import Services
from pipeline.store import collections, faces, users
from pipeline.store.engine import reading, writing
from pipeline.store.faces import Face, Image
from pipeline.store.metadata import utcnow

LOOK_UP = 200
"""Photos that are looked up in the collection at once."""
PHOTOS, SECONDS = 64, 2.0
"""Photos of one transaction, and how long the first of them waits for the others: what a killed run loses."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What is wanted.

    Attributes:
        account: Whose collection it is.
        name: CollectionId.
        level: QualityFilter.
        most: Faces of a photo.
        people: Whether everybody becomes a user of the collection, with one face of each of their photos.
        again: Whether photos are looked at that the collection has faces of.
    """

    account: str
    name: str
    level: str = "AUTO"
    most: int = 100
    people: bool = False
    again: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a photo.

    Attributes:
        photo: Which one.
        faces: Those that the collection has of it.
        known: Whether it had them before.
        reasons: Why it has none, or not more.
    """

    photo: Photo
    faces: Sequence[Face] = ()
    known: bool = False
    reasons: Sequence[str] = field(default=())


def enrolled(services: Services, models: Models, wanted: Enrolment, photos: Sequence[Photo]) -> Iterator[Outcome]:
    """What became of each photo, in any order, once it is kept.

    Raises:
        RequestError: the collection does not exist or is full.
        ModelError: a model cannot be used.
    """
    for start in range(0, len(photos), LOOK_UP):
        part = photos[start : start + LOOK_UP]
        known = {} if wanted.again else _known(services, wanted, part)
        yield from (Outcome(photo, found, known=True) for photo, found in known.items())
        yield from _looked(services, models, wanted, [photo for photo in part if photo not in known])


def _known(services: Services, wanted: Enrolment, photos: Sequence[Photo]) -> dict[Photo, list[Face]]:
    """The photos of which the collection has faces; where each is to be somebody's, those of which all are.

    Of the others it must be seen again who is meant: whoever is in front may not have been good enough to be kept.
    """
    images: dict[Photo, Image] = {}
    for photo in photos:
        try:
            images[photo] = Image(digest_of(photo.path), photo.label)
        except OSError:  # said when it is looked at
            continue
    with reading(services.engine) as connection:
        collection = collections.get(connection, wanted.account, wanted.name)
        found = faces.of_images(connection, collection, images.values())
    there = {photo: found[image] for photo, image in images.items() if image in found}
    return {photo: kept for photo, kept in there.items() if not wanted.people or all(face.user_id for face in kept)}


def _looked(services: Services, models: Models, wanted: Enrolment, photos: Sequence[Photo]) -> Iterator[Outcome]:
    """Outcomes of photos that are looked at."""
    waiting: list[tuple[Photo, Seen]] = []
    since = time.monotonic()
    for photo in photos:
        found = _tried(models, wanted, photo)
        if isinstance(found, Outcome):
            yield found
            continue
        since = since if waiting else time.monotonic()
        waiting.append((photo, found))
        if len(waiting) == PHOTOS or time.monotonic() - since > SECONDS:
            yield from _kept(services, wanted, waiting)
            waiting = []
    yield from _kept(services, wanted, waiting)


def _tried(models: Models, wanted: Enrolment, photo: Photo) -> Seen | Outcome:
    """What the photo shows, or why it is left out: whatever is wrong with it, others are still to come."""
    try:
        found = seen(models, photo, wanted.level, wanted.most, alone=wanted.people)
    except ModelError:
        raise
    except RequestError as error:
        return Outcome(photo, reasons=[error.message])
    except OSError as error:
        return Outcome(photo, reasons=[f"cannot be read: {error.strerror}"])
    except Exception as error:
        return Outcome(photo, reasons=[f"cannot be analysed: {type(error).__name__}: {error}"])
    return found if found.faces else Outcome(photo, reasons=found.reasons or ["shows no face"])


def _kept(services: Services, wanted: Enrolment, waiting: Sequence[tuple[Photo, Seen]]) -> list[Outcome]:
    """Outcomes of photos whose faces are in the database now."""
    if not waiting:
        return []
    images = [(Image(found.digest, photo.label), found.faces) for photo, found in waiting]
    with writing(services.engine) as connection:
        before = collections.get(connection, wanted.account, wanted.name, lock=True).next_position
        kept = faces.add_many(connection, wanted.account, wanted.name, images, services.settings.max_faces)
        outcomes = [
            Outcome(photo, rows, all(face.position < before for face in rows), found.reasons)
            for (photo, found), rows in zip(waiting, kept, strict=True)
        ]
        return [_of_user(connection, services, wanted, one) for one in outcomes] if wanted.people else outcomes


def _of_user(connection: Connection, services: Services, wanted: Enrolment, outcome: Outcome) -> Outcome:
    """The outcome once the face that is meant belongs to the photo's person, or with the reason why not."""
    row = meant([face.box["Width"] * face.box["Height"] for face in outcome.faces])
    if row is None:
        return _without_user(outcome, "shows several faces of like size, so nobody can be told whose they are")
    known, person = outcome.faces[row], outcome.photo.person
    collection = collections.get(connection, wanted.account, wanted.name, lock=True)
    face = faces.by_id(connection, collection, [known.id]).get(known.id)  # others may have changed it since
    if face is None:
        return _without_user(outcome, "its face was deleted meanwhile")
    if face.user_id not in {None, person}:
        return _without_user(outcome, f"its face belongs to the user {face.user_id} already")
    user = users.find(connection, collection, person)
    if user is None:
        users.create(connection, collection, person, utcnow(), services.settings.max_users)
        user = users.get(connection, collection, person)
    if face.user_id is None:
        if user.faces >= users.MOST_FACES:
            return _without_user(outcome, f"the user {user.id} has {user.faces} faces, which is the maximum")
        users.assign(connection, collection, user, [face.position])
    own = [replace(one, user_id=user.id) if one is known else one for one in outcome.faces]
    return replace(outcome, faces=own)


def _without_user(outcome: Outcome, reason: str) -> Outcome:
    return replace(outcome, reasons=[*outcome.reasons, f"not associated: {reason}"])
