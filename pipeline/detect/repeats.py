"""Frames that a detector has seen are not shown to it again: stills, slides, titles, bars, black, and what another lane asked about.

What is prepared of them must be equal bit by bit, and a detector's answer depends on nothing else. So the answer is the one that it would
have given, wherever a video is cut and whoever shares the frames; there is nothing to be set, and no limit to how long it holds.
"""

import weakref
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, fields, is_dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.detect.types import Detector
from pipeline.media.types import Frame

KEPT = 3
"""Frames that are remembered: several may be looked at side by side, so that the one before is not always the last that came."""
STRIDE = 61
"""Of so many rows one is compared first: frames of moving pictures differ there already, and the others need not be fetched from memory."""


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """A frame that the detector sees, and what it says of it, once it does."""

    prepared: Any
    answer: Future[Any] = field(default_factory=Future)


class LooksOnce:
    """A detector that is asked once about equal frames; any number of threads may call it.

    It remembers the last frames, and pictures for as long as somebody else holds them.

    Args:
        detector: What looks at single frames.
    """

    def __init__(self, detector: Detector[Any, Any]) -> None:
        self._detector = detector
        self._last: deque[_Look] = deque(maxlen=KEPT)
        self._held: dict[int, tuple[weakref.ref[Any], Future[Any]]] = {}
        self._lock = Lock()

    @property
    def batch(self) -> int:
        """Frames per call of `detect`, at most."""
        return self._detector.batch

    def prepare(self, frame: Frame) -> Any:
        """What the detector needs of a frame."""
        return self._detector.prepare(frame)

    def detect(self, prepared: Sequence[Any]) -> Sequence[Any]:
        """One answer per prepared frame; of equal frames the very same."""
        answers: list[Future[Any]] = []
        fresh: list[_Look] = []
        try:
            for one in prepared:
                answer = self._of(one, fresh)
                answers.append(answer)
            # Own frames first: whoever waits for another thread then waits for one that waits for nobody.
            self._ask(fresh)
        except BaseException as error:  # others that wait for it fail as well; whoever comes later asks anew
            for look in fresh:
                if not look.answer.done():
                    look.answer.set_exception(error)
            raise
        return [answer.result() for answer in answers]

    def _of(self, prepared: Any, fresh: list[_Look]) -> Future[Any]:
        """The answer; what is to be looked at for it is added to `fresh`, before others can know of it."""
        with self._lock:
            answer = self._known(prepared)
            if answer is not None:
                return answer
            look = _Look(prepared)
            fresh.append(look)
            self._hold(prepared, look.answer)
            self._last.append(look)
            return look.answer

    def _known(self, prepared: Any) -> Future[Any] | None:
        picture, answer = self._held.get(id(prepared), (None, None))
        if picture is not None and picture() is prepared and not _failed(answer):
            return answer
        for look in reversed(self._last):
            if not _failed(look.answer) and same(look.prepared, prepared):
                self._hold(prepared, look.answer)
                return look.answer
        return None

    def _hold(self, prepared: Any, answer: Future[Any]) -> None:
        if isinstance(prepared, np.ndarray):
            number = id(prepared)
            self._held[number] = (weakref.ref(prepared, lambda _: self._held.pop(number, None)), answer)

    def _ask(self, looks: Sequence[_Look]) -> None:
        if not looks:
            return
        answers = self._detector.detect([look.prepared for look in looks])
        for look, answer in zip(looks, answers, strict=True):
            look.answer.set_result(answer)


def _failed(answer: Future[Any] | None) -> bool:
    return answer is None or (answer.done() and answer.exception() is not None)


def same(one: Any, other: Any) -> bool:
    """Whether two prepared frames are equal: arrays number by number, tuples and dataclasses part by part."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return _same_numbers(one, other)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if is_dataclass(one):
        return all(same(getattr(one, part.name), getattr(other, part.name)) for part in fields(one))
    return bool(one == other)


def _same_numbers(one: NDArray[Any], other: NDArray[Any]) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if one.ndim and not np.array_equal(one[::STRIDE], other[::STRIDE]):
        return False
    return np.array_equal(one, other)
