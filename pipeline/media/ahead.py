"""Working ahead in a thread: an iterator runs while its items are being used."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from queue import Empty, Full, Queue
from threading import Event, Thread
from time import monotonic
from typing import Generic, TypeVar

import structlog

from pipeline.errors import MediaError

Item = TypeVar("Item")

_POLL_S = 0.2
_JOIN_S = 10.0
_log = structlog.get_logger()


class Pulse:
    """Last sign of life of a working thread."""

    def __init__(self) -> None:
        self._at = monotonic()

    def beat(self) -> None:
        """Notes progress."""
        self._at = monotonic()

    @property
    def silent_s(self) -> float:
        """Seconds since the last progress."""
        return monotonic() - self._at


class _End:
    """The source is exhausted, or broke with `error`."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class _Pump(Generic[Item]):
    """The thread that fills the queue; it alone runs and closes the source."""

    def __init__(self, source: Generator[Item], queued: int) -> None:
        self._source = source
        self._stopped = Event()
        self.queue: Queue[Item | _End] = Queue(queued)
        self.thread = Thread(target=self._work, name="ahead", daemon=True)

    def stop(self) -> None:
        """Ends the thread at its next item."""
        self._stopped.set()

    def _work(self) -> None:
        error: BaseException | None = None
        try:
            for item in self._source:
                if not self._put(item):
                    break
        except BaseException as raised:
            error = raised
        finally:
            self._source.close()
            self._put(_End(error))

    def _put(self, item: Item | _End) -> bool:
        while not self._stopped.is_set():
            try:
                self.queue.put(item, timeout=_POLL_S)
            except Full:
                continue
            return True
        return False


def _items(pump: _Pump[Item], pulse: Pulse, stall_s: float) -> Iterator[Item | None]:
    while True:
        try:
            item = pump.queue.get(timeout=_POLL_S)
        except Empty:
            if pulse.silent_s > stall_s:
                raise MediaError(f"Decoding made no progress for {stall_s:.0f} seconds.") from None
            yield None
            continue
        if isinstance(item, _End):
            if item.error is not None:
                raise item.error
            return
        pulse.beat()
        yield item


@contextmanager
def ahead(source: Generator[Item], queued: int, pulse: Pulse, stall_s: float) -> Iterator[Iterator[Item | None]]:
    """The items of `source`, made in a thread at most `queued` ahead; None at times when there is none yet.

    What the source raises is raised to the user of the items. The thread has ended when the block is left,
    unless it hangs in foreign code.

    Args:
        source: Runs and is closed in the thread.
        queued: Items waiting, at most.
        pulse: Where the source notes progress between items.
        stall_s: Seconds without progress after which the source is given up.

    Raises:
        MediaError: no progress for `stall_s`.
    """
    pump = _Pump(source, queued)
    pump.thread.start()
    items = _items(pump, pulse, stall_s)
    try:
        yield items
    finally:
        pump.stop()
        pump.thread.join(min(_JOIN_S, stall_s))
        if pump.thread.is_alive():
            _log.error("decoder_abandoned", silent_s=round(pulse.silent_s, 1))
