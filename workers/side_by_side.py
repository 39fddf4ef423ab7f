"""Requests on images that are answered side by side, in the threads of one process: what a GPU wants, whose runs they share."""

import contextlib
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator

import structlog

from pipeline.errors import ModelError
from pipeline.models.batching import BatchedModels, Crowd
from pipeline.models.library import Library

STATUS = 70
"""Exit status of a process that ends itself. Source: sysexits.h, EX_SOFTWARE."""
LOOK_S = 0.5
ELSEWHERE = frozenset({"shot boundary detection"})
"""Tasks of models that no operation on images needs."""

log = structlog.get_logger()


class SideBySide:
    """The requests under way in this process; ends the process when one takes too long.

    A thread cannot be ended from outside, and one that is stuck would be missing for ever. What the other threads are at is given
    back first, and whoever started this process starts it again.

    Args:
        library: The models.
        gather_s: How long a run of a model waits for others to join it.
        limit_s: How long a request may take.
        give_back: Called with the id of every message that was not done.
    """

    def __init__(self, library: Library, gather_s: float, limit_s: float, give_back: Callable[[str], None]) -> None:
        self._crowd = Crowd(gather_s)
        self._library = library
        self.models = BatchedModels(library.load, library.has, self._crowd)
        self._limit_s = limit_s
        self._give_back = give_back
        self._numbers = itertools.count()
        self._begun: dict[int, tuple[str, float]] = {}
        threading.Thread(target=self._watch, daemon=True, name="watch").start()

    def preload(self) -> None:
        """Loads whatever models are there, so that no request waits for it; what cannot be loaded is named to those who ask for it."""
        for row in self._library.status():
            if row.default and row.permitted and row.condition != "missing" and row.task not in ELSEWHERE:
                try:
                    self.models.load(row.name)
                except ModelError as error:
                    log.warning("model_not_usable", reason=str(error))

    @contextlib.contextmanager
    def request(self, message_id: str) -> Iterator[BatchedModels]:
        """The models, for one request that is answered inside the `with` block."""
        number = next(self._numbers)
        self._begun[number] = message_id, time.monotonic()
        try:
            with self._crowd.request():
                yield self.models
        finally:
            del self._begun[number]

    def _watch(self) -> None:
        while not (stuck := self._stuck()):
            time.sleep(LOOK_S)
        log.error("image_worker_stuck", messages=stuck, limit_s=self._limit_s, runs=dict(self.models.runs()))
        for message, _ in list(self._begun.values()):
            if message not in stuck:
                with contextlib.suppress(Exception):
                    self._give_back(message)
        os._exit(STATUS)

    def _stuck(self) -> list[str]:
        now = time.monotonic()
        return [message for message, begun in list(self._begun.values()) if now - begun > self._limit_s]
