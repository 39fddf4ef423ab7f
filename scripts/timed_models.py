"""Models that note what is asked of them: how often, with how many pictures, for how long."""

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.models.types import Models, Session


class TimedModels:
    """Models that add up the time spent inside them.

    Attributes:
        spent: Model -> seconds.
        calls: Model -> calls.
        pictures: Model -> rows of its first input, over all calls.
    """

    def __init__(self, models: Models) -> None:
        self._models = models
        self._lock = threading.Lock()
        self.spent: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.pictures: Counter[str] = Counter()

    def has(self, name: str) -> bool:
        """Whether the model is there."""
        return self._models.has(name)

    def load(self, name: str) -> "TimedSession":
        """The model, timed."""
        return TimedSession(self._models.load(name), name, self)

    def note(self, name: str, inputs: Mapping[str, NDArray[Any]], seconds: float) -> None:
        """Adds a call; several threads may."""
        rows = next((len(array) if np.ndim(array) else 1 for array in inputs.values()), 0)
        with self._lock:
            self.spent[name] += seconds  # type: ignore[assignment]
            self.calls[name] += 1
            self.pictures[name] += rows


class TimedSession:
    """A session that adds up its time."""

    def __init__(self, session: Session, name: str, models: TimedModels) -> None:
        self._session, self._name, self._models = session, name, models
        self.version, self.metadata = session.version, session.metadata

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        """The model's outputs."""
        begun = time.perf_counter()
        try:
            return self._session.run(inputs)
        finally:
            self._models.note(self._name, inputs, time.perf_counter() - begun)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)
