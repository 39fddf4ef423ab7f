"""Brings the files of a collection up to date from the database in steps: each that is done counts, whoever is killed in the next."""

import math
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import structlog
from sqlalchemy import Connection, Engine

from pipeline.errors import RequestError
from pipeline.faces.files import BusyError, MatrixFiles, State
from pipeline.faces.matrix import DIMENSIONS
from pipeline.store import faces
from pipeline.store.collections import Collection
from pipeline.store.engine import reading, snapshot

STEP = 25_000
"""Positions read at once, which then count; more than that behind is far."""
SPARE_ROWS = 10_000
"""Rows of removed faces that are not worth a new beginning."""
WAIT_S = 2.0
"""How long somebody who is not far behind waits for others that read: far longer than it takes to read what one call has added."""

log = structlog.get_logger()


class BehindError(RequestError):
    """The files are not up to date yet; what was read until now counts for the next who asks."""

    def __init__(self, collection: Collection, state: State | None) -> None:
        read = state.rows - state.removed if state else 0
        super().__init__(
            "ThrottlingException",
            f"The collection id: {collection.name} cannot be searched yet: this server builds its index and has read {read} of "
            f"{collection.faces} faces. Try your call again.",
        )


def updated(
    engine: Engine,
    files: MatrixFiles,
    look: Callable[[Connection], Collection],
    begun: Callable[[Connection], None],
    patience_s: float,
) -> State:
    """The state of files that hold the collection as it is now, or later.

    Args:
        engine: The database.
        files: The files.
        look: Finds the collection.
        begun: Is told when new files are begun.
        patience_s: How long this may take; infinity: as long as it takes.

    Raises:
        BehindError: it takes longer, or others are about it and far from done.
        FileNotFoundError: somebody deletes the files meanwhile.
    """
    until = time.monotonic() + patience_s
    with reading(engine) as connection:
        collection = look(connection)
    try:
        with files.locked(_turn(files, collection, until)):
            return _filled(engine, files, look, begun, until)
    except BusyError:
        raise BehindError(collection, files.state()) from None


def _turn(files: MatrixFiles, collection: Collection, until: float) -> float:
    """Until when to wait for others that read: not at all where there is much to read."""
    if until == math.inf:
        return until
    state = files.state()
    if collection.next_position - (state.next_position if state else 0) > STEP:
        return 0.0
    return min(until, time.monotonic() + WAIT_S)


def _filled(
    engine: Engine,
    files: MatrixFiles,
    look: Callable[[Connection], Collection],
    begun: Callable[[Connection], None],
    until: float,
) -> State:
    """See `updated`; the caller has the lock."""
    state = files.state()
    while True:
        # One short transaction per step: a long one keeps databases from tidying up behind writers.
        with snapshot(engine) as connection:
            collection = look(connection)
            if state is None or not _continues(state, collection):
                # Of what was removed before, nothing will be read.
                state = replace(files.begin(), revision=collection.revision, complete=False)
                begun(connection)
                log.info("face_matrix_begun", collection=collection.name, faces=collection.faces)
            if state.complete and state.revision == collection.revision:
                return state
            state = _step(connection, collection, files, state)
        files.commit(state)
        if state.complete:
            return state
        if time.monotonic() >= until:
            raise BehindError(collection, state)


def _step(connection: Connection, collection: Collection, files: MatrixFiles, state: State) -> State:
    """The state after some more faces, and with the last ones after everything that was removed since `state.revision`.

    Positions are given in the order in which transactions end, so that nobody can still add a face before the last one that is there.
    """
    stop = min(state.next_position + STEP, collection.next_position)
    found = list(faces.vectors(connection, collection, state.next_position, stop))
    if found:
        positions, ids, vectors = zip(*found, strict=True)
        numbers = np.frombuffer(b"".join(vectors), "<f4").reshape(-1, DIMENSIONS)
        state = files.append(state, positions, [bytes.fromhex(face.replace("-", "")) for face in ids], numbers)
    state = replace(state, next_position=stop, complete=False)
    if stop < collection.next_position:
        return state
    state = files.remove(state, faces.removals(connection, collection, state.revision))
    return replace(state, revision=collection.revision, complete=True)


def _continues(state: State, collection: Collection) -> bool:
    """Whether what changed since can still be read, and the files are not mostly of removed faces."""
    listed = collection.listed_from <= state.revision <= collection.revision
    return listed and state.removed <= SPARE_ROWS + state.rows // 2
