"""The faces that an account's requests may be matched against."""

import math
from collections.abc import Sequence

from pipeline.aggregate.types import Galleries, Gallery, Match
from pipeline.errors import JobFailed
from pipeline.faces.index import CollectionGoneError, FaceIndex
from pipeline.faces.indices import OtherVersionError, face_index
from pipeline.media.types import F32
from pipeline.services import Services
from pipeline.store import celebrities, collections
from pipeline.store.collections import Collection
from pipeline.store.engine import reading


def galleries(services: Services, account: str, patience_s: float | None = math.inf) -> Galleries:
    """The collections of the account and the operator's celebrities.

    Args:
        services: The installation.
        account: Whose collections.
        patience_s: How long a search may spend on reading faces from the database; None: what a request may.
    """
    return _AccountGalleries(services, account, patience_s)


class _AccountGalleries:
    """See `Galleries`."""

    def __init__(self, services: Services, account: str, patience_s: float | None) -> None:
        self._services = services
        self._account = account
        self._patience_s = patience_s

    def collection(self, name: str) -> Gallery:
        """See `Galleries`."""
        with reading(self._services.engine) as connection:
            found = collections.find(connection, self._account, name)
        if found is None:
            raise _gone(name)
        return _FaceGallery(name, _index(self._services, found), self._patience_s)

    def celebrities(self) -> Gallery | None:
        """See `Galleries`."""
        with reading(self._services.engine) as connection:
            found = celebrities.gallery(connection)
        if found is None:
            return None
        return _CelebrityGallery(self._services, _index(self._services, found), self._patience_s)


class _FaceGallery:
    """The faces of a collection as matches; see `Gallery`."""

    def __init__(self, name: str, index: FaceIndex, patience_s: float | None) -> None:
        self._name = name
        self._index = index
        self._patience_s = patience_s

    def search(self, vectors: F32, least: float, limit: int) -> Sequence[Sequence[Match]]:
        """See `Gallery`."""
        try:
            found = self._index.search(vectors, least, limit, self._patience_s)
        except CollectionGoneError:
            raise _gone(self._name) from None
        return [[Match(cosine, face.wire) for cosine, face in one] for one in found]


class _CelebrityGallery:
    """The faces of celebrities as matches with whose they are; see `Gallery`."""

    def __init__(self, services: Services, index: FaceIndex, patience_s: float | None) -> None:
        self._services = services
        self._index = index
        self._patience_s = patience_s

    def search(self, vectors: F32, least: float, limit: int) -> Sequence[Sequence[Match]]:
        """See `Gallery`."""
        found = self._index.search(vectors, least, limit, self._patience_s)
        with reading(self._services.engine) as connection:
            known = celebrities.by_id(connection, {face.user_id or "" for one in found for _, face in one})
        # Who was removed since the search has no name to be shown.
        named = [[(cosine, known.get(face.user_id or "")) for cosine, face in one] for one in found]
        return [[Match(cosine, who.wire) for cosine, who in one if who is not None] for one in named]


def _index(services: Services, collection: Collection) -> FaceIndex:
    try:
        return face_index(services, collection)
    except OtherVersionError as error:
        raise JobFailed(error.reason) from None


def _gone(name: str) -> JobFailed:
    return JobFailed(f"The collection id: {name} does not exist: it was deleted while the job ran.")
