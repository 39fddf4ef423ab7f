"""The work that a job makes for the database, the object store and the broker, counted, never timed."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace

import pytest
from sqlalchemy import event

from pipeline.conduct import progress
from pipeline.conduct.plan import plan
from pipeline.services import Services
from tests.support import work
from tests.support.brightness import BRIGHTNESS, CONTRAST, Watch, watch
from tests.support.conducting import CHANNEL, analyze, finish, furnish, start
from tests.support.databases import database_url, engine, postgres_server
from tests.support.jobs_installation import RememberingQueue, queue, services

__all__ = ["database_url", "engine", "postgres_server", "queue", "services", "watch"]


@pytest.fixture(autouse=True)
def _no_reports_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress is told every half second; how often that is says how fast the machine is."""
    monkeypatch.setattr(progress, "REPORT_S", 60.0)


@contextmanager
def counting(services: Services, queue: RememberingQueue) -> Iterator[Counter[str]]:
    """What is asked of the database, the work store and the broker inside the block."""
    found: Counter[str] = Counter()

    def count(*_: object) -> None:
        found["statements"] += 1

    kept, sent = set(services.work.list("")), asdict(queue)
    event.listen(services.engine, "before_cursor_execute", count)
    try:
        yield found
    finally:
        event.remove(services.engine, "before_cursor_execute", count)
    found["objects written"] = len(set(services.work.list("")) - kept)
    for kind, number in asdict(queue).items():
        found[f"messages: {kind}"] = number - sent[kind]


def steps(services: Services, queue: RememberingQueue) -> dict[str, Counter[str]]:
    """The life of three jobs of two analyses on a video of four seconds, each of which is a chunk."""
    did: dict[str, Counter[str]] = {}

    def step(name: str, call: Callable[[], object]) -> None:
        with counting(services, queue) as did[name]:
            assert call()

    step("submit", lambda: start(services, BRIGHTNESS, NotificationChannel=CHANNEL))
    start(services, CONTRAST, NotificationChannel=CHANNEL)
    start(services, BRIGHTNESS, Other=1)
    step("plan", lambda: plan(services))
    step("chunk", lambda: analyze(services))
    while queue.finishes == 0:
        step("last", lambda: analyze(services))
    step("finish", lambda: finish(services))
    return did


def test_jobs_ask_no_more_than_the_table_says(services: Services, queue: RememberingQueue, watch: Watch) -> None:
    del watch
    furnish(services)
    work.require(f"jobs on {services.engine.dialect.name}", steps(services, queue))


def test_a_chunk_asks_the_same_however_many_there_are(
    services: Services, queue: RememberingQueue, watch: Watch
) -> None:
    del watch
    furnish(services)
    fewer = replace(services, settings=services.settings.model_copy(update={"chunk_s": 2.0}))
    steps(fewer, queue)  # enters the account
    queue.forget()
    few = steps(fewer, queue)
    queue.forget()
    many = steps(services, queue)
    assert (few["plan"].pop("messages: chunks"), many["plan"].pop("messages: chunks")) == (2, 4)
    assert many == few
