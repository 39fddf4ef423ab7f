"""Progress of a chunk: it renews the lease, and hears that jobs were cancelled."""

import time
from collections.abc import Collection, Sequence
from datetime import timedelta

import structlog
from sqlalchemy import Engine

from pipeline.errors import LeaseLost
from pipeline.jobs.types import Chunk, Job
from pipeline.patience import passing
from pipeline.process import got_on, is_at_long_work
from pipeline.store import jobs, passes
from pipeline.store.engine import writing
from pipeline.store.metadata import utcnow

log = structlog.get_logger()

REPORT_S = 0.5
"""At most this often the database hears of progress; it bounds how long a cancelled job still works."""


class Progress:
    """What a worker tells about its chunk while it works on it."""

    def __init__(self, engine: Engine, chunk: Chunk, wanted: Sequence[Job], lease_s: float) -> None:
        self._engine = engine
        self._chunk = chunk
        self._lease = timedelta(seconds=lease_s)
        self._operations = frozenset(job.operation for job in wanted)
        self._frames_done = 0
        self._by_frames = False
        self._told_at = time.monotonic()
        self._held = True

    def report(self, frames_done: int) -> None:
        """Renews the lease.

        Raises:
            LeaseLost: another worker may own the chunk, or nobody wants it any more.
        """
        self._frames_done = frames_done
        self._tell_in_time()
        if not self._held:
            raise LeaseLost

    def renew(self) -> bool:
        """Whether the lease holds; for the heartbeat, which must not keep a stalled run alive."""
        return (self._by_frames and not is_at_long_work()) or self._tell()

    def from_now_on_by_frames(self) -> None:
        """Only `report` renews the lease from now on, but for work that is known to take long."""
        self._by_frames = True

    def without_frames(self) -> None:
        """The heartbeat renews the lease again: the frames are done, results are being stored."""
        self._by_frames = False

    def wants(self, operations: Collection[str]) -> bool:
        """Whether the lease is held and an open job of one of these operations is left; asked before every batch."""
        self._tell_in_time()
        return self._held and not self._operations.isdisjoint(operations)

    def _tell_in_time(self) -> None:
        if time.monotonic() - self._told_at >= min(REPORT_S, self._lease.total_seconds() / 4):
            self._told_at = time.monotonic()
            try:
                self._held = self._tell()
            except Exception as error:
                if not passing(error):
                    raise
                # The lease lasts for several reports; what is written at last is checked against it.
                log.warning("lease_not_renewed", error=str(error))

    def _tell(self) -> bool:
        with writing(self._engine) as connection:
            held = passes.renew_chunk(connection, self._chunk, self._frames_done, utcnow() + self._lease)
            self._operations = frozenset(job.operation for job in jobs.of_pass(connection, self._chunk.pass_id))
        if held:
            got_on()
        return held
