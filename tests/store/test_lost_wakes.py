"""Wake-ups that a broker loses are sent again, and those that it keeps are not, on both databases."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from pipeline.conduct.plan import plan
from pipeline.conduct.sweep import WAKES, sweep
from pipeline.services import Services
from pipeline.store import passes
from pipeline.store.engine import writing
from pipeline.store.metadata import utcnow
from pipeline.store.schema import passes as passes_table
from tests.support.brightness import BRIGHTNESS, Watch, watch
from tests.support.conducting import analyze, finish, items, start
from tests.support.databases import database_url, engine, postgres_server
from tests.support.jobs_installation import RememberingQueue, queue, services
from tests.support.small_video import write_video

__all__ = ["database_url", "engine", "postgres_server", "queue", "services", "watch"]

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _clip(services: Services, watch: Watch) -> None:
    write_video(services.settings.buckets_path / "videos" / "clip.mp4")


def test_losing_the_broker_loses_no_job(services: Services, queue: RememberingQueue) -> None:
    job_id, later = start(services, BRIGHTNESS), utcnow()
    for _ in range(8):
        queue.forget()
        later += MINUTE
        sweep(services, later)
        if queue.plans:
            plan(services)
        elif queue.chunks:
            analyze(services)
        elif queue.finishes:
            finish(services)
    assert len(items(services, BRIGHTNESS, job_id)) == 40


def test_wake_ups_are_not_repeated_at_once_nor_without_bound(services: Services, queue: RememberingQueue) -> None:
    start(services, BRIGHTNESS)
    plan(services)
    assert sweep(services).wakes == 0
    queue.chunks -= 3
    assert sweep(services).wakes == 3
    with writing(services.engine) as connection:
        (pass_id,) = connection.execute(select(passes_table.c.id)).scalars()
        for number in range(2 * WAKES):
            passes.add_chunk(connection, pass_id, number, number + 1)
    assert sweep(services).wakes == WAKES - 4
    assert queue.chunks == WAKES
    # A backlog that nobody works off does not fill the broker: the next sweep sends nothing more.
    assert sweep(services, utcnow() + MINUTE).wakes == 0


def test_planning_is_asked_for_again_only_when_nobody_has_been(services: Services, queue: RememberingQueue) -> None:
    start(services, BRIGHTNESS)
    assert queue.plans == 1
    sweep(services)
    assert queue.plans == 1
    queue.forget()
    sweep(services)
    sweep(services)
    assert queue.plans == 1


def test_while_the_broker_is_away_nobody_is_woken(services: Services) -> None:
    class Away(RememberingQueue):
        def waiting_plans(self) -> int | None:
            return None

        def waiting_chunks(self) -> int | None:
            return None

    away = replace(services, queue=Away())
    start(away, BRIGHTNESS)
    plan(away)
    assert sweep(away, utcnow() + MINUTE).wakes == 0
