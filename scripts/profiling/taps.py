"""Spans around the steps of a run, where they are called; taken off again afterwards."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

from pipeline import analyze, run
from pipeline.catalog import OPERATIONS
from pipeline.detect import lanes
from pipeline.media.frame import DecodedFrame, Scalers
from pipeline.models.types import Models
from scripts.profiling.spans import Spans

DECODE, SCALE, PREPARE, DETECT, HAND, KEEP, PROBE = "decode", "scale", "prepare", "detect", "hand over", "keep", "probe"
FINISH = "finish "
MODEL = "model "
"""What begins the kinds of time inside the models and of putting together an answer; the name follows."""
_LANE: ContextVar[str] = ContextVar("lane", default="")


@contextmanager
def tapped(spans: Spans) -> Iterator[None]:
    """Runs of `pipeline.analyze` count into the spans meanwhile."""
    names: dict[int, str] = {}
    with ExitStack() as stack:
        for owner, name, put in (
            (run, "read", lambda read: _each(spans, read)),
            (run, "_heard", lambda heard: _spanned(spans, DETECT, heard, "sound")),
            (DecodedFrame, "rgb", lambda rgb: _spanned(spans, SCALE, rgb)),
            (DecodedFrame, "luma", lambda luma: _spanned(spans, SCALE, luma)),
            (Scalers, "scale", lambda scale: _spanned(spans, SCALE, scale)),
            (run.Lanes, "__init__", lambda made: _named(names, made)),
            (lanes.Lane, "prepare", lambda prepare: _prepared(spans, names, prepare)),
            (lanes.Lane, "_begin", lambda begin: _begun(names, begin)),
            (lanes, "_timed", lambda timed: _detected(spans, timed)),
            (analyze, "run", lambda whole: _spanned(spans, HAND, whole)),
            (analyze, "probe", lambda probe: _spanned(spans, PROBE, probe)),
            (analyze, "pack", lambda pack: _spanned(spans, KEEP, pack)),
            (analyze, "_answer", lambda answer: _answered(spans, answer)),
        ):
            stack.enter_context(_replaced(owner, name, put))
        yield


@contextmanager
def _replaced(owner: Any, name: str, put: Callable[[Any], Any]) -> Iterator[None]:
    present = getattr(owner, name)
    setattr(owner, name, put(present))
    try:
        yield
    finally:
        setattr(owner, name, present)


def _spanned(spans: Spans, kind: str, function: Callable[..., Any], stage: str = "") -> Callable[..., Any]:
    @wraps(function)
    def timed(*arguments: Any, **others: Any) -> Any:
        with spans.span(kind, stage):
            return function(*arguments, **others)

    return timed


def _each(spans: Spans, read: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """`read`, each step of which is a span."""

    def frames(*arguments: Any, **others: Any) -> Iterator[Any]:
        found = read(*arguments, **others)
        while True:
            with spans.span(DECODE):
                frame = next(found, None)
            if frame is None:
                return
            yield frame

    return frames


def _named(names: dict[int, str], made: Callable[..., None]) -> Callable[..., None]:
    """`Lanes.__init__`, which notes the name of each lane."""

    def init(self: Any, *arguments: Any, **others: Any) -> None:
        made(self, *arguments, **others)
        names.update({id(lane): name for name, lane in self._lanes.items()})

    return init


def _prepared(spans: Spans, names: Mapping[int, str], prepare: Callable[..., Any]) -> Callable[..., Any]:
    def timed(self: Any, frame: Any) -> Any:
        with spans.span(PREPARE, names[id(self)]):
            return prepare(self, frame)

    return timed


def _begun(names: Mapping[int, str], begin: Callable[[Any], None]) -> Callable[[Any], None]:
    """`Lane._begin`, in whose context the lane's name goes with the work into its thread."""

    def named(self: Any) -> None:
        token = _LANE.set(names[id(self)])
        try:
            begin(self)
        finally:
            _LANE.reset(token)

    return named


def _detected(spans: Spans, timed: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def detected(portion: Any) -> Any:
        with spans.span(DETECT, _LANE.get()):
            return timed(portion)

    return detected


def _answered(spans: Spans, answer: Callable[..., Any]) -> Callable[..., Any]:
    def finished(name: str, *arguments: Any, **others: Any) -> Any:
        with spans.span(FINISH + OPERATIONS[name].analysis, FINISH):
            return answer(name, *arguments, **others)

    return finished


class TappedModels:
    """Models whose calls are spans; implements `Models`."""

    def __init__(self, models: Models, spans: Spans) -> None:
        self._models, self._spans = models, spans

    def has(self, name: str) -> bool:
        """Whether the model is there."""
        return self._models.has(name)

    def load(self, name: str) -> "TappedSession":
        """The model, in spans."""
        return TappedSession(self._models.load(name), name, self._spans)


class TappedSession:
    """A session whose calls are spans."""

    def __init__(self, session: Any, name: str, spans: Spans) -> None:
        self._session, self._kind, self._spans = session, MODEL + name, spans

    def run(self, *arguments: Any, **others: Any) -> Any:
        """The model's outputs."""
        with self._spans.span(self._kind):
            return self._session.run(*arguments, **others)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)
