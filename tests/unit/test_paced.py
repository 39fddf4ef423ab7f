"""Sweeping goes on in even steps, whatever is done to the clock, and a pile of wake-ups is swept once."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from pipeline.queue import Every
from pipeline.store.metadata import utcnow
from workers.pacing import at_most_every


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_clock_that_is_set_does_not_stop_the_schedule(hours: int) -> None:
    schedule = Every(0.0001)
    assert schedule.is_due(utcnow()).is_due
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=hours), tick=True):
        asked = [schedule.is_due(utcnow()) for _ in range(100_000)]
    assert sum(answer.is_due for answer in asked) > 1


def test_a_schedule_is_not_due_again_at_once() -> None:
    schedule = Every(3600)
    assert schedule.is_due(utcnow()) == (True, 3600)
    again = schedule.is_due(utcnow())
    assert not again.is_due
    assert 0 < again.next <= 3600


def test_a_pile_of_messages_is_worked_off_once() -> None:
    swept: list[int] = []

    @at_most_every(3600)
    def sweep() -> int:
        swept.append(1)
        return len(swept)

    assert [sweep() for _ in range(1000)] == [1] + [None] * 999


def test_what_failed_is_done_again() -> None:
    tries: list[int] = []

    @at_most_every(3600)
    def sweep() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError

    with pytest.raises(ConnectionError):
        sweep()
    sweep()
    sweep()
    assert len(tries) == 2
