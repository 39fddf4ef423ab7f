"""A collection that can be searched: its files are brought up to date from the database before every search."""

import math
import time
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Connection, Engine

from pipeline.errors import RequestError
from pipeline.faces.files import BusyError, MatrixFiles, prune
from pipeline.faces.fill import WAIT_S, updated
from pipeline.faces.matrix import Matrix
from pipeline.faces.search import search
from pipeline.media.types import F32
from pipeline.store import collections, faces
from pipeline.store.collections import Collection
from pipeline.store.engine import reading, snapshot
from pipeline.store.faces import Face

TRIES = 5
"""How often a search is repeated because faces were removed, or files deleted, under its hands."""


class CollectionGoneError(RequestError):
    """The collection was deleted while it was to be searched."""

    def __init__(self, name: str) -> None:
        super().__init__(
            "ResourceNotFoundException",
            f"The collection id: {name} does not exist: it was deleted while it was searched.",
        )


class FaceIndex:
    """The faces of one collection; safe to use from several threads.

    Args:
        engine: The database.
        folder: Where files of all collections are kept.
        collection: Which one.
        patience_s: How long a search may spend on reading faces from the database, where it does not say that itself.
    """

    def __init__(self, engine: Engine, folder: Path, collection: Collection, patience_s: float = math.inf) -> None:
        self.engine = engine
        self._name = collection.name
        self._number = collection.number
        self._folder = folder
        self._patience_s = patience_s
        self._files = MatrixFiles(folder / collection.id)
        self._matrix: Matrix | None = None

    @property
    def mapped_bytes(self) -> int:
        """Address space that the index takes."""
        return self._files.mapped_bytes

    def search(
        self, queries: F32, least: float, limit: int, patience_s: float | None = None
    ) -> list[list[tuple[float, Face]]]:
        """The nearest faces of every query as the database has them now, best first, ties by face id; see `search.search`.

        Raises:
            CollectionGoneError: the collection was deleted.
            BehindError: there is more to read from the database than `patience_s` allows.
            RequestError: faces are removed faster than they can be searched.
        """
        for _ in range(TRIES):
            matrix = self._fresh(self._patience_s if patience_s is None else patience_s)
            found = search(matrix, queries, least, limit)
            wanted = {face for one in found for _, face in one}
            with snapshot(self.engine) as connection:
                collection = self._collection(connection)
                known = faces.by_id(connection, collection, wanted)
            if len(known) == len(wanted):
                return [[(cosine, known[face]) for cosine, face in one] for one in found]
            if collection.revision == matrix.revision:  # the files tell of another database, as after a restored backup
                with suppress(BusyError):
                    self._files.discard(time.monotonic() + WAIT_S)
                self._matrix = None
        raise RequestError(
            "ThrottlingException",
            f"The faces of the collection id: {self._name} change faster than they can be searched. Try your call again.",
        )

    def matrix(self) -> Matrix:
        """The faces as the database has them now.

        Raises:
            RequestError: see `search`.
        """
        return self._fresh(self._patience_s)

    def _collection(self, connection: Connection) -> Collection:
        collection = collections.by_number(connection, self._number)
        if collection is None:
            raise CollectionGoneError(self._name)
        return collection

    def _fresh(self, patience_s: float) -> Matrix:
        """The files, up to date."""
        with reading(self.engine) as connection:
            revision = self._collection(connection).revision
        matrix = self._matrix  # another thread may replace it meanwhile
        if matrix is not None and matrix.revision == revision:
            return matrix
        for _ in range(TRIES):
            with suppress(FileNotFoundError):  # somebody empties the cache
                return self._opened(patience_s)
        return self._opened(patience_s)

    def _opened(self, patience_s: float) -> Matrix:
        state = updated(self.engine, self._files, self._collection, self._prune, patience_s)
        self._matrix = matrix = self._files.open(state)
        return matrix

    def _prune(self, connection: Connection) -> None:
        prune(self._folder, collections.living(connection))
