"""Photos through the operations on images, as clients send them, in a throw-away installation without a server."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path
from typing import Any

from pipeline.errors import RequestError
from pipeline.images.answer import load
from pipeline.images.call import Call
from pipeline.models.types import Models
from pipeline.queue import CeleryQueue, make_app
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.store import collections
from pipeline.store.engine import writing
from pipeline.store.metadata import utcnow

OPERATIONS: Mapping[str, str] = {
    "faces": "DetectFaces",
    "labels": "DetectLabels",
    "moderation": "DetectModerationLabels",
    "ppe": "DetectProtectiveEquipment",
    "text": "DetectText",
}
"""Analysis -> the operation that does the same on photos, asked with its defaults."""
ACCOUNT, COLLECTION = "0" * 12, "photos"
MOST = 4096
"""Source: Amazon Rekognition API reference, SearchFaces.MaxFaces."""


class Desk:
    """Answers operations on images.

    Args:
        services: An installation.
        models: The networks.
    """

    def __init__(self, services: Services, models: Models) -> None:
        self._services = services
        self._models = models

    def ask(self, operation: str, photo: bytes | None = None, **request: Any) -> dict[str, Any]:
        """The operation's answer; about the photo, where one is given.

        Raises:
            RequestError: as clients would see it.
        """
        images = {} if photo is None else {"Image": photo}
        return load(operation)(Call(self._services, self._models, ACCOUNT, request, images))


@contextmanager
def desk(models: Models) -> Iterator[Desk]:
    """A desk with an empty collection, for as long as the `with` block lasts."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), database_url=None, s3_endpoint_url=None)
        services = Services.from_settings(settings, CeleryQueue(make_app(settings)))
        services.prepare()
        with writing(services.engine) as connection:
            collections.create(connection, ACCOUNT, COLLECTION, settings.region, utcnow())
        yield Desk(services, models)
        services.close()


def identity_pairs(files: Mapping[str, Path], models: Models) -> dict[str, Any]:
    """{"pairs": [[name, name, similarity 0 to 100], ...]}: the largest face of every photo, by IndexFaces, compared by SearchFaces."""
    with desk(models) as asked:
        known = {name: _indexed(asked, path) for name, path in files.items()}
        names = {face: name for name, face in known.items() if face is not None}
        found = {(name, other): value for face, name in names.items() for other, value in _like(asked, face, names)}
    pairs = combinations(names.values(), 2)
    return {"pairs": [[a, b, found[a, b]] for a, b in pairs if (a, b) in found]}


def _indexed(asked: Desk, photo: Path) -> str | None:
    """FaceId of the photo's largest face; None: there is none."""
    try:
        answer = asked.ask("IndexFaces", photo.read_bytes(), CollectionId=COLLECTION, QualityFilter="NONE")
    except RequestError as error:
        raise SystemExit(f"{photo}: {error}") from error
    records = answer["FaceRecords"]
    return records[0]["Face"]["FaceId"] if records else None


def _like(asked: Desk, face: str, names: Mapping[str, str]) -> Iterator[tuple[str, float]]:
    """Photos and how much their face is like this one."""
    answer = asked.ask("SearchFaces", CollectionId=COLLECTION, FaceId=face, FaceMatchThreshold=0.0, MaxFaces=MOST)
    for match in answer["FaceMatches"]:
        if (name := names.get(match["Face"]["FaceId"])) is not None:
            yield name, match["Similarity"]
