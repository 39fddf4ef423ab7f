"""Faults that pass by themselves, and waiting for that: a store that is away, a full disk, a database that is started anew."""

import errno
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import structlog
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, OperationalError

from pipeline.objects.types import ObjectRefusedError, StoreUnavailableError

FULL_OR_GONE = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
)
PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Between two tries; the last one repeats."""

T = TypeVar("T")
log = structlog.get_logger()


def passing(error: BaseException) -> bool:
    """Whether waiting may help: the fault is that of a disk, a server or the network, not of the video or of a program."""
    if isinstance(error, OSError):
        return error.errno in FULL_OR_GONE or isinstance(error, ConnectionError | TimeoutError)
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(
        error, StoreUnavailableError | ObjectRefusedError | OperationalError | InterfaceError | DisconnectionError
    )


def patiently(act: Callable[[], T], patience_s: float, what: str) -> T:
    """What `act` returns, tried again after growing pauses while passing faults stop it.

    Args:
        act: Harmless to repeat.
        patience_s: For so long; then the fault is raised, at once where it is 0.
        what: Names it in the log.
    """
    return Patience(patience_s).wait_out(act, what)


class Patience:
    """Patience that several acts share: what one of them has used up, the next has no more.

    Args:
        seconds: What failed tries and the pauses after them may last together.
    """

    def __init__(self, seconds: float) -> None:
        self._left_s = seconds

    def wait_out(self, act: Callable[[], T], what: str) -> T:
        """See `patiently`."""
        for pause_s in _pauses():
            began_s = time.monotonic()
            try:
                return act()
            except Exception as error:
                self._left_s -= time.monotonic() - began_s
                if not passing(error) or self._left_s <= 0:
                    raise
                log.warning("waiting_for_fault_to_pass", what=what, error=f"{type(error).__name__}: {error}"[:500])
                self._pause(pause_s)
        raise AssertionError("the pauses never end")

    def _pause(self, pause_s: float) -> None:
        began_s = time.monotonic()
        time.sleep(min(pause_s, self._left_s))
        self._left_s -= time.monotonic() - began_s


def _pauses() -> Iterator[float]:
    yield from PAUSES_S
    while True:
        yield PAUSES_S[-1]
