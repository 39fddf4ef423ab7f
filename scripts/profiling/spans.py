"""Processor time by what it is spent on: spans may stand in one another, and each counts what no inner one does."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class Open:
    """A span that has not ended.

    Attributes:
        stage: Whose work it is.
        inner_s: Seconds of the spans in it that have ended.
    """

    stage: str
    inner_s: float = 0.0


class Spans:
    """Adds up spans of all threads.

    Attributes:
        spent: (stage, kind) -> seconds of processor time that no inner span counts.
        calls: (stage, kind) -> spans.
    """

    def __init__(self, clock: Callable[[], float] = time.thread_time) -> None:
        self._clock = clock
        self._local = threading.local()
        self._lock = threading.Lock()
        self.spent: Counter[tuple[str, str]] = Counter()
        self.calls: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def span(self, kind: str, stage: str = "") -> Iterator[None]:
        """Counts what is done inside; without a stage, for that of the span around it."""
        around: list[Open] = self._local.__dict__.setdefault("open", [])
        mine = Open(stage or (around[-1].stage if around else ""))
        around.append(mine)
        begun = self._clock()
        try:
            yield
        finally:
            took = self._clock() - begun
            around.pop()
            if around:
                around[-1].inner_s += took
            with self._lock:
                self.spent[mine.stage, kind] += took - mine.inner_s  # type: ignore[assignment]
                self.calls[mine.stage, kind] += 1

    @property
    def total_s(self) -> float:
        """Seconds of all spans."""
        return float(sum(self.spent.values()))
