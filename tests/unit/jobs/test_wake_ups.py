"""A broker that is away, or that accepts and never answers, holds up no caller."""

import socket
from pathlib import Path

import pytest

from pipeline.queue import CeleryQueue, make_app
from pipeline.settings import Settings

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
