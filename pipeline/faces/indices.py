"""The indices of collections, as every process that searches has them."""

import threading
import time
from collections import OrderedDict

from pipeline.errors import RequestError
from pipeline.faces.index import FaceIndex
from pipeline.services import Services
from pipeline.store.collections import FACE_MODEL_VERSION, Collection

KEPT, KEPT_BYTES = 64, 2 * 1024**3
"""Collections that a process has open at most, and address space that they may take; opening one again costs little."""
PATIENCE = 1 / 3
"""Of the time that a request has, what it may spend on bringing an index up to date; the rest is for its wait and its models."""
IDLE_S = 600.0
"""A collection that was not searched for so long is closed: its files may have been deleted, and take room until then."""


class OtherVersionError(RequestError):
    """The faces were embedded by another version of the face model, whose numbers mean nothing to this one.

    Attributes:
        reason: Says which versions these are, and what can be done.
    """

    def __init__(self, collection: Collection) -> None:
        self.reason = (
            f"The faces of {collection.name} were indexed with version {collection.face_model_version} of the face model, and this "
            f"server has {FACE_MODEL_VERSION}; index them anew (reelsight collections reindex)."
        )
        super().__init__("InvalidParameterException", f"Request has invalid parameters: CollectionId: {self.reason}")


class Indices:
    """The open indices, at most `KEPT`; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._used: OrderedDict[str, tuple[FaceIndex, float]] = OrderedDict()

    def index(self, services: Services, collection: Collection) -> FaceIndex:
        """The one index of the collection, for as long as it is in use."""
        now = time.monotonic()
        with self._lock:
            index, _ = self._used.pop(collection.id, (None, now))
            if index is None or index.engine is not services.engine:
                index = _opened(services, collection)
            self._used[collection.id] = index, now
            while self._too_many(now):
                self._used.popitem(last=False)
        return index

    def _too_many(self, now: float) -> bool:
        if len(self._used) <= 1:
            return False
        _, used_at = next(iter(self._used.values()))
        taken = sum(index.mapped_bytes for index, _ in self._used.values())
        return len(self._used) > KEPT or taken > KEPT_BYTES or used_at < now - IDLE_S


def _opened(services: Services, collection: Collection) -> FaceIndex:
    settings = services.settings
    return FaceIndex(services.engine, settings.face_matrices_path, collection, settings.image_timeout_s * PATIENCE)


_indices = Indices()


def face_index(services: Services, collection: Collection) -> FaceIndex:
    """What searches the faces of the collection; the same one for all threads of the process.

    Raises:
        OtherVersionError: they cannot be compared with embeddings made here.
    """
    check_version(collection)
    return _indices.index(services, collection)


def check_version(collection: Collection) -> None:
    """Refuses collections whose faces cannot be compared with embeddings made here.

    Raises:
        OtherVersionError: for those.
    """
    if collection.face_model_version != FACE_MODEL_VERSION:
        raise OtherVersionError(collection)
