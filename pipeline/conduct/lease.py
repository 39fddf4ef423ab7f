"""A lease that a thread renews while its holder works on something that reports no progress."""

import threading
from collections.abc import Callable
from types import TracebackType

import structlog

from pipeline.errors import LeaseLost

log = structlog.get_logger()


class Heartbeat:
    """Calls `renew` every `interval_s` seconds inside the `with` block, until it says that the lease is lost."""

    def __init__(self, renew: Callable[[], bool], interval_s: float) -> None:
        self._renew = renew
        self._interval_s = interval_s
        self._over = threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> "Heartbeat":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def check(self) -> None:
        """Passes while the lease is held.

        Raises:
            LeaseLost: another worker may own it now.
        """
        if self._lost.is_set():
            raise LeaseLost

    def _beat(self) -> None:
        while not self._over.wait(self._interval_s):
            try:
                held = self._renew()
            except Exception as error:  # the database may be away for a moment; the lease lasts for several beats
                log.warning("lease_not_renewed", error=str(error))
                continue
            if not held:
                self._lost.set()
                return
