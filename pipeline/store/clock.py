"""The clock that all machines of an installation share: that of its database.

Leases, retries and expiries compare moments that different machines wrote down, so they must not depend on how well each of them keeps
the time. A process asks the database for its moment when it gets a connection, and counts on from there with a clock that nobody sets.
SQLite has the machine's own clock.
"""

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.exc import DisconnectionError

MEASURE_S = 10.0
"""A measurement is as old as this at most when a connection is handed out."""
ROUND_TRIP_S = 1.0
"""A measurement that took longer says too little."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Measured:
    """What the database's clock showed.

    Attributes:
        moment: What it showed.
        at_s: When, by the clock that nobody sets.
    """

    moment: datetime
    at_s: float


class DatabaseClock:
    """The moment by the database's clock; the machine's own until a database has told its."""

    def __init__(self) -> None:
        self._measured: _Measured | None = None
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """This moment, aware, in UTC."""
        known = self._measured
        if known is None:
            return datetime.now(UTC)
        return known.moment + timedelta(seconds=_steady_s() - known.at_s)

    def forget(self) -> None:
        """Goes by the machine's clock again."""
        self._measured = None

    def listen(self, connection: Any, *_: object) -> None:
        """Measures on a DBAPI connection to PostgreSQL, unless that was done a moment ago; usable as a handler of pool events."""
        known = self._measured
        if known is not None and _steady_s() - known.at_s < MEASURE_S:
            return
        began_s = _steady_s()
        try:
            with connection.cursor() as cursor:
                moment: datetime = cursor.execute("SELECT clock_timestamp()").fetchone()[0]
            ended_s = _steady_s()
            connection.rollback()
        except Exception as error:  # the pool then takes another connection
            raise DisconnectionError(str(error)) from error
        self._keep(_Measured(moment.astimezone(UTC), (began_s + ended_s) / 2), ended_s - began_s)

    def _keep(self, measured: _Measured, took_s: float) -> None:
        with self._lock:
            first = self._measured is None
            if first or took_s <= ROUND_TRIP_S:
                self._measured = measured
        if first:
            off_s = (datetime.now(UTC) - self.now()).total_seconds()
            (log.warning if abs(off_s) > 1 else log.debug)("clock_measured", ahead_of_database_s=round(off_s, 3))


def _steady_s() -> float:
    """Seconds of a clock that nobody sets, and that goes on while the machine sleeps, where the system has such a one."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)


clock = DatabaseClock()
"""Of this process."""
