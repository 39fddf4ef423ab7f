"""A broker that is away, or that accepts and never answers, holds up no caller."""

import socket
import threading
from pathlib import Path

import pytest

from pipeline.queue import BURST, BURST_PLANS, CeleryQueue, make_app
from pipeline.settings import Settings
from tests.support.redis_server import redis_server
from tests.support.service import wait_until

WAKES = 25


@pytest.mark.timeout(60)
def test_waking_through_a_broker_that_is_away_returns(tmp_path: Path) -> None:
    queue = CeleryQueue(make_app(Settings(data_dir=tmp_path)))
    for _ in range(WAKES):
        queue.wake_plan()
        queue.wake_chunk()
        assert queue.waiting_chunks() is None
        assert queue.waiting_plans() is None


@pytest.mark.timeout(60)
def test_waking_through_a_broker_that_never_answers_returns(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "redis.sock"))
        silent.listen()
        CeleryQueue(make_app(Settings(broker_url=f"redis+socket://{tmp_path}/redis.sock"))).wake_plan()


def test_a_burst_asks_for_planning_a_few_times_and_once_after_all_of_it(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        queue = CeleryQueue(make_app(Settings(broker_url=server.unix)))
        before = set(threading.enumerate())
        for _ in range(200):
            queue.wake_plan(3600 / BURST)  # so long that the burst does not end meanwhile
        assert queue.waiting_plans() == BURST_PLANS
        queue.wake_plan()
        assert queue.waiting_plans() == BURST_PLANS + 1, "who does not wait for jobs that linger is always heard"
        (last,) = (new for new in set(threading.enumerate()) - before if isinstance(new, threading.Timer))
        last.cancel()
        last.function(*last.args)
        assert queue.waiting_plans() == BURST_PLANS + 2


def test_the_end_of_a_burst_is_heard_by_itself(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        queue = CeleryQueue(make_app(Settings(broker_url=server.unix)))
        while queue._burst_plans <= BURST_PLANS:
            queue.wake_plan(5.0)
        before = queue.waiting_plans() or 0
        wait_until(lambda: (queue.waiting_plans() or 0) > before, 60)
