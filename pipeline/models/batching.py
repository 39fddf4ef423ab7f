"""Runs of one model for several requests at once, made one run.

A graphics card runs a model on eight pictures in little more time than on one. Requests are answered side by side, in threads; where
several are about to run the same model on inputs of one shape, the one that has waited longest runs it for all of them.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import structlog
from numpy.typing import NDArray

from pipeline.models.types import Session

Inputs = Mapping[str, NDArray[Any]]
Outputs = Sequence[NDArray[Any]]
Shape = tuple[int | str | None, ...]

log = structlog.get_logger()

GATHER_S = 0.002
"""How long a run waits for others to join it: less than what a run takes."""
MOST_ROWS = 16
"""Rows of one run, unless a single request has more."""


class Shaped(Session, Protocol):
    """A session that tells the shapes of its model."""

    @property
    def inputs(self) -> Mapping[str, Shape]:
        """Shapes by name; free dimensions are names or None."""

    @property
    def outputs(self) -> Mapping[str, Shape]:
        """Shapes by name."""


@dataclass(slots=True, eq=False)
class _Ticket:
    """A call that waits for its outputs."""

    inputs: Inputs
    kind: tuple[Any, ...]
    rows: int
    outputs: Outputs | None = None
    error: BaseException | None = None

    @property
    def is_done(self) -> bool:
        return self.outputs is not None or self.error is not None


@dataclass(slots=True)
class Crowd:
    """The requests that a process answers side by side.

    Attributes:
        gather_s: How long a run waits for others to join it.
        most_rows: Rows of one run, unless a single request has more.
    """

    gather_s: float = GATHER_S
    most_rows: int = MOST_ROWS
    changed: threading.Condition = field(default_factory=threading.Condition)
    under_way: int = 0
    inside: int = 0

    @contextmanager
    def request(self) -> Iterator[None]:
        """One request is answered by this thread inside the `with` block."""
        with self._counted("under_way"):
            yield

    @contextmanager
    def run(self) -> Iterator[None]:
        """This thread runs a model, or waits to."""
        with self._counted("inside"):
            yield

    def expects_more(self) -> bool:
        """Whether a request is under way that might still join; the lock must be held."""
        return self.inside < self.under_way

    @contextmanager
    def _counted(self, name: str) -> Iterator[None]:
        self._add(name, 1)
        try:
            yield
        finally:
            self._add(name, -1)

    def _add(self, name: str, number: int) -> None:
        with self.changed:
            setattr(self, name, getattr(self, name) + number)
            self.changed.notify_all()


class BatchedSession:
    """A `Session` for any number of threads; one at a time runs the model, for itself and for those that wait with like inputs.

    Who waits is served in the order of coming, so that nobody waits for more runs than there are threads. Where a run for several fails,
    each is run alone, so that an input that breaks the model fails only its own request.

    Args:
        session: The model. It is batched where the first dimension of all its inputs and outputs is free; else calls only take turns.
        crowd: The requests under way.
    """

    def __init__(self, session: Shaped, crowd: Crowd) -> None:
        self._session = session
        self._crowd = crowd
        self._waiting: list[_Ticket] = []
        self._running = False
        shapes = (*session.inputs.values(), *session.outputs.values())
        self._batched = all(shape and not isinstance(shape[0], int) for shape in shapes)
        self.runs = 0

    @property
    def version(self) -> str:
        """Version that results report."""
        return self._session.version

    @property
    def metadata(self) -> Mapping[str, str]:
        """Key-value texts stored inside the model file."""
        return self._session.metadata

    @property
    def inputs(self) -> Mapping[str, Shape]:
        """Shapes by name; free dimensions are names or None."""
        return self._session.inputs

    @property
    def outputs(self) -> Mapping[str, Shape]:
        """Shapes by name, in the order `run` returns them."""
        return self._session.outputs

    def run(self, inputs: Inputs) -> Outputs:
        """See `Session`; numbers may differ in their last digits from those of a run alone, as the order of sums may.

        Raises:
            ModelError: the inputs do not fit the model, or it fails on them.
        """
        ticket = self._ticket(inputs)
        with self._crowd.run():
            batch = self._join(ticket)
            if batch:
                self._lead(batch)
        if ticket.error is not None:
            raise ticket.error
        assert ticket.outputs is not None
        return ticket.outputs

    def _ticket(self, inputs: Inputs) -> _Ticket:
        arrays = {name: np.asarray(value) for name, value in inputs.items()}
        kind = tuple(sorted((name, array.shape[1:], array.dtype.str) for name, array in arrays.items()))
        rows = {array.shape[0] if array.ndim else 0 for array in arrays.values()}
        if not self._batched or len(rows) != 1 or 0 in rows:
            return _Ticket(inputs, (object(),), 1)  # like no other
        return _Ticket(arrays, kind, rows.pop())

    def _join(self, ticket: _Ticket) -> list[_Ticket]:
        """Those whom this thread is to run the model for; empty: another thread has done so."""
        changed = self._crowd.changed
        with changed:
            self._waiting.append(ticket)
            try:
                changed.notify_all()
                changed.wait_for(lambda: ticket.is_done or self._is_next(ticket))
                if ticket.is_done:
                    return []
                batch = self._gathered(ticket)
                self._running = True
            finally:  # also where the thread is interrupted: others must not wait for it
                if ticket in self._waiting:
                    self._waiting.remove(ticket)
                changed.notify_all()
            self._waiting = [other for other in self._waiting if other not in batch]
            return batch

    def _is_next(self, ticket: _Ticket) -> bool:
        return not self._running and self._waiting[0] is ticket

    def _gathered(self, ticket: _Ticket) -> list[_Ticket]:
        """The ticket and those like it, as many as come before long and fit; the lock is held, but not while it waits."""
        deadline = time.monotonic() + self._crowd.gather_s
        while True:
            batch, rows = [ticket], ticket.rows
            for other in self._waiting[1:]:
                if other.kind == ticket.kind and rows + other.rows <= self._crowd.most_rows:
                    batch.append(other)
                    rows += other.rows
            left_s = deadline - time.monotonic()
            alone = not self._batched or not self._crowd.expects_more()
            if alone or left_s <= 0 or rows >= self._crowd.most_rows:
                return batch
            self._crowd.changed.wait(left_s)

    def _lead(self, batch: list[_Ticket]) -> None:
        """Runs the model for all of the batch; whatever happens, each has outputs or an error afterwards."""
        try:
            self._run_all(batch)
        except BaseException as error:
            for ticket in batch:
                if not ticket.is_done:
                    ticket.error = error
            raise
        finally:
            with self._crowd.changed:
                self._running = False
                self._crowd.changed.notify_all()

    def _run_all(self, batch: list[_Ticket]) -> None:
        if len(batch) > 1 and self._run_together(batch):
            return
        for ticket in batch:
            try:
                ticket.outputs = self._counted_run(ticket.inputs)
            except Exception as error:
                ticket.error = error

    def _run_together(self, batch: list[_Ticket]) -> bool:
        """Whether all have their outputs now."""
        rows = [ticket.rows for ticket in batch]
        try:
            joined = {name: np.concatenate([ticket.inputs[name] for ticket in batch]) for name in batch[0].inputs}
            outputs = self._counted_run(joined)
        except Exception as error:  # whose input it was shows when each is run alone
            log.warning("shared_run_failed", model=self.version, requests=len(batch), rows=sum(rows), reason=str(error))
            return False
        if any(len(output) % sum(rows) for output in outputs):
            self._batched = False  # what it calls its first dimension is no batch
            return False
        ends = np.cumsum(rows)[:-1]
        # Some models answer so many rows for each of the input's.
        parts = [np.split(output, ends * (len(output) // sum(rows))) for output in outputs]
        for number, ticket in enumerate(batch):
            ticket.outputs = [part[number] for part in parts]
        return True

    def _counted_run(self, inputs: Inputs) -> Outputs:
        self.runs += 1
        return self._session.run(inputs)


class BatchedModels:
    """`Models` whose sessions any number of threads may share.

    Args:
        load: Gives the session of a model by name, always the same one.
        has: See `Models`.
        crowd: The requests under way.
    """

    def __init__(self, load: Callable[[str], Shaped], has: Callable[[str], bool], crowd: Crowd) -> None:
        self._load, self.has, self.crowd = load, has, crowd
        self._lock = threading.Lock()
        self._sessions: dict[str, BatchedSession] = {}

    def load(self, name: str) -> BatchedSession:
        """See `Models`."""
        session = self._load(name)
        with self._lock:
            return self._sessions.setdefault(name, BatchedSession(session, self.crowd))

    def runs(self) -> Mapping[str, int]:
        """How often each model was run."""
        with self._lock:
            return {name: session.runs for name, session in self._sessions.items()}
