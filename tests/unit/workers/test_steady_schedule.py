"""Beat goes by the clock that nobody sets."""

from datetime import timedelta
from typing import Any

import pytest
from celery import Celery

from pipeline.queue import SWEEP, make_app
from pipeline.settings import Settings
from tests.support.service import wait_until
from workers.clock import SteadyScheduler


class Tells(SteadyScheduler):
    """Notes what it would send."""

    producer = None

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        sent.append(entry.task)


sent: list[str] = []


@pytest.mark.timeout(120)
@pytest.mark.parametrize("step", [timedelta(hours=-2), timedelta(hours=2)])
def test_a_clock_that_is_set_delays_no_sweep(step: timedelta, monkeypatch: pytest.MonkeyPatch) -> None:
    scheduler: Any = Tells(app=make_app(Settings(sweep_s=1)))
    told = Celery.now

    def sweep() -> None:
        before = len(sent)
        wait_until(lambda: scheduler.tick() >= 0 and len(sent) > before, 30)

    sweep()
    monkeypatch.setattr(Celery, "now", lambda self: told(self) + step)
    sweep()
    sweep()
    assert set(sent) == {SWEEP}
