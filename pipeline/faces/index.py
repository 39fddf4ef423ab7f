"""A collection that can be searched: its files are brought up to date from the database before every search."""

import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import structlog
from sqlalchemy import Connection, Engine

from pipeline.errors import RequestError
from pipeline.faces.files import MatrixFiles, State, prune
from pipeline.faces.matrix import DIMENSIONS, Matrix
from pipeline.faces.search import search
from pipeline.media.types import F32
from pipeline.store import collections, faces
from pipeline.store.collections import Collection
from pipeline.store.engine import reading
from pipeline.store.faces import Face

BATCH = 10_000
"""Faces read from the database at once."""
SPARE_ROWS = 10_000
"""Rows of removed faces that are not worth a new beginning."""
TRIES = 5
"""How often a search is repeated because faces were removed, or files deleted, under its hands."""

log = structlog.get_logger()


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
    """

    def __init__(self, engine: Engine, folder: Path, collection: Collection) -> None:
        self.engine = engine
        self._name = collection.name
        self._number = collection.number
        self._folder = folder
        self._files = MatrixFiles(folder / collection.id)
        self._matrix: Matrix | None = None

    def search(self, queries: F32, least: float, limit: int) -> list[list[tuple[float, Face]]]:
        """The nearest faces of every query as the database has them now, best first, ties by face id; see `search`.

        Raises:
            CollectionGoneError: the collection was deleted.
        """
        for _ in range(TRIES):
            matrix = self._fresh()
            found = search(matrix, queries, least, limit)
            wanted = {face for one in found for _, face in one}
            with reading(self.engine) as connection:
                collection = self._collection(connection)
                known = faces.by_id(connection, collection, wanted)
            if len(known) == len(wanted):
                return [[(cosine, known[face]) for cosine, face in one] for one in found]
            if collection.revision == matrix.revision:  # the files tell of another database, as after a restored backup
                self._files.discard()
                self._matrix = None
        raise TimeoutError("the faces of the collection change faster than they can be searched")

    def _collection(self, connection: Connection) -> Collection:
        collection = collections.by_number(connection, self._number)
        if collection is None:
            raise CollectionGoneError(self._name)
        return collection

    def _fresh(self) -> Matrix:
        """The files, up to date."""
        with reading(self.engine) as connection:
            revision = self._collection(connection).revision
        matrix = self._matrix  # another thread may replace it meanwhile
        if matrix is not None and matrix.revision == revision:
            return matrix
        for _ in range(TRIES):
            with suppress(FileNotFoundError):  # somebody empties the cache
                self._matrix = matrix = self._updated()
                return matrix
        self._matrix = matrix = self._updated()
        return matrix

    def _updated(self) -> Matrix:
        with self._files.locked(), reading(self.engine) as connection:
            collection, state = self._collection(connection), self._files.state()
            if state is None or not _continues(state, collection):
                state = self._files.begin()
                prune(self._folder, collections.living(connection))
                log.info("face_matrix_begun", collection=collection.name, faces=collection.faces)
            if state.revision != collection.revision:
                state = self._read(connection, collection, state)
                self._files.commit(state)
            return self._files.open(state)

    def _read(self, connection: Connection, collection: Collection, state: State) -> State:
        """The state after everything that changed since."""
        behind = state.revision
        for positions, ids, vectors in _batches(connection, collection, state.next_position):
            state = self._files.append(state, positions, ids, vectors)
        if behind:  # what was never read need not be removed
            state = self._files.remove(state, faces.removals(connection, collection, behind))
        return replace(state, next_position=collection.next_position, revision=collection.revision)


def _continues(state: State, collection: Collection) -> bool:
    """Whether what changed since can still be read, and the files are not mostly of removed faces."""
    listed = collection.listed_from <= state.revision <= collection.revision
    return listed and state.removed <= SPARE_ROWS + state.rows // 2


def _batches(
    connection: Connection, collection: Collection, start: int
) -> Iterator[tuple[list[int], list[bytes], F32]]:
    """Positions, ids and vectors of the faces from a position on."""
    found = faces.vectors(connection, collection, start, collection.next_position)
    while part := list(islice(found, BATCH)):
        vectors = np.frombuffer(b"".join(vector for _, _, vector in part), "<f4").reshape(-1, DIMENSIONS)
        yield [position for position, _, _ in part], [uuid.UUID(face).bytes for _, face, _ in part], vectors
