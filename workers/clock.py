"""The Celery application of beat, which wakes the sweeper: it takes no message, and so loads neither tasks nor models."""

import time
from typing import Any

from celery.beat import ScheduleEntry, Scheduler
from celery.signals import setup_logging

from pipeline import logs
from pipeline.queue import make_app
from pipeline.settings import Settings

settings = Settings()
app = make_app(settings)


class SteadyScheduler(Scheduler):
    """Celery's scheduler on the clock that nobody sets.

    Celery's own sorts what is to be sent by the time of day: a clock that was ahead and is put right leaves it waiting until that time
    comes again, whatever the schedule of an entry says.
    """

    def _when(self, entry: ScheduleEntry, next_time_to_run: float, **_: Any) -> float:
        """When to look at the entry, in seconds of the monotonic clock."""
        del entry
        return time.monotonic() + float(self.adjust(next_time_to_run) or 0)  # type: ignore[arg-type]  # fractions too


@setup_logging.connect
def _log(**_: Any) -> None:
    logs.configure(settings.log_level, settings.log_format)
