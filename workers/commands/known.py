"""Known faces for an analysis without a service: a folder of photos, and the celebrities of the installation."""

import uuid
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

from pipeline.aggregate.types import Gallery, Match, NoGalleries
from pipeline.commandline import connect
from pipeline.errors import RequestError, SetupError
from pipeline.faces.galleries import galleries
from pipeline.images.people import people_of, photo_face
from pipeline.media.types import F32
from pipeline.models.library import Library
from pipeline.settings import Settings
from pipeline.store.faces import Face

ACCOUNT = "0" * 12
"""Stands for nobody's account: celebrities belong to the installation."""


class Photos:
    """The faces of a folder of photos; see `Gallery`."""

    def __init__(self, models: Library, folder: Path) -> None:
        vectors: list[F32] = []
        self._faces: list[Face] = []
        for person in people_of(folder):
            for photo in person.photos:
                try:
                    seen = photo_face(models, photo)
                except (RequestError, OSError) as error:
                    click.echo(f"left out {photo}: {error}", err=True)
                    continue
                image = str(uuid.uuid5(uuid.NAMESPACE_OID, seen.digest))
                id_ = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{seen.digest} {person.who.id}"))
                box, sure = seen.face.box, seen.face.confidence
                self._faces.append(Face(len(self._faces), id_, image, person.who.name, box, sure, "", None))
                vectors.append(np.frombuffer(seen.face.vector, "<f4").astype(np.float32))
        if not vectors:
            raise SetupError(f"No photo in {folder} shows a face that can be searched for.")
        self._vectors: F32 = np.stack(vectors)

    def search(self, vectors: F32, least: float, limit: int) -> Sequence[Sequence[Match]]:
        """See `Gallery`."""
        found = []
        for cosines in vectors @ self._vectors.T:
            order = np.argsort(-cosines, kind="stable")[:limit]
            found.append([Match(float(cosines[row]), self._wire(row)) for row in order if cosines[row] >= least])
        return found

    def _wire(self, row: int) -> dict[str, object]:
        return {name: value for name, value in self._faces[row].wire.items() if value}


class Known:
    """See `Galleries`.

    Args:
        settings: The installation whose celebrities are known, where there is one.
        models: The networks.
        people: Folder of photos; None: there are no collections.
    """

    def __init__(self, settings: Settings, models: Library, people: Path | None) -> None:
        self._settings = settings
        self._photos = Photos(models, people) if people else None

    def collection(self, name: str) -> Gallery:
        """The photos, whatever the name."""
        return NoGalleries().collection(name) if self._photos is None else self._photos

    def celebrities(self) -> Gallery | None:
        """Those of the installation."""
        if self._settings.database_url is None and not (self._settings.data_dir / "reelsight.db").exists():
            return None
        return galleries(connect(self._settings), ACCOUNT).celebrities()
