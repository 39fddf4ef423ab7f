"""Which workers are found silent, and which only busy, new, or without a broker."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import RedisError

from api.serve.watch import BUILD_S, RECONNECT_S, START_S, Watch
from pipeline.devices import PATIENCE_S
from pipeline.liveness import BUSY_S, WORKER, Facts, Register, Sign
from pipeline.redis_client import redis_of
from pipeline.settings import Settings
from tests.support.redis_server import redis_server

PID = 4242
PROCESS = f"{os.uname().nodename}:{PID}"


def facts(**changes: Any) -> Facts:
    """Of an idle video worker."""
    idle: dict[str, Any] = {
        "worker": "video@here", "queues": ("video",), "deaf": (), "pool": "prefork",
        "slots": 2, "busy": 0, "busy_s": 0.0, "version": "0",
    }  # fmt: skip
    return Facts(**idle | changes)


@pytest.mark.parametrize(
    ("changes", "since", "reason"),
    [
        ({}, {"beat": 1, "taken": 1}, None),
        ({}, {"beat": 31, "taken": 31}, "main process"),
        ({}, {"beat": 1, "taken": 31}, "has taken no message"),
        ({}, {"beat": 1}, "has taken no message"),
        ({}, {}, "main process"),
        ({"deaf": ("video",)}, {"beat": 1, "taken": 1}, "does not listen to its queue video"),
        ({"deaf": ("video",)}, {"beat": 1, "taken": 1, "progress": 2}, None),
        ({}, {"beat": 31, "taken": 31, "progress": 2}, None),
        ({"busy": 1}, {"beat": 1, "taken": 31}, "has taken no message"),
        ({"busy": 2, "busy_s": 600}, {"beat": 1, "taken": 600}, None),
        ({"busy": 2, "busy_s": BUSY_S + 1}, {"beat": 1, "taken": 600}, "has taken no message"),
        ({"busy": 2, "busy_s": 600}, {"beat": 31, "taken": 600}, "main process"),
        ({"busy": 1, "slots": 1, "pool": "solo"}, {"beat": 600, "taken": 600}, None),
        ({"busy": 1, "slots": 1, "pool": "solo"}, {"beat": 600, "taken": 600, "progress": 100}, None),
        ({"busy": 1, "slots": 1, "pool": "solo"}, {"beat": 600, "taken": 600, "progress": 130}, "main process"),
        ({"busy": 0, "slots": 1, "pool": "solo"}, {"beat": 31, "taken": 31, "progress": 40}, "main process"),
    ],
)
def test_only_who_neither_takes_nor_gets_on_is_ailing(
    changes: dict[str, Any], since: dict[str, float], reason: str | None
) -> None:
    found = Sign(PROCESS, facts(**changes), {}, {}).ailment(since, 30)
    assert (found or "").find(reason or "") >= 0
    assert (found is None) == (reason is None)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The watcher's own clock; element 0 is the time."""
    now = [1000.0]
    monkeypatch.setattr("api.serve.watch.time.monotonic", lambda: now[0])
    return now


Looks = Callable[[float], dict[int, str]]


@pytest.fixture
def watched(
    tmp_path: Path, clock: list[float], request: pytest.FixtureRequest
) -> Iterator[tuple[Register, Looks, Any]]:
    """The register in a real Redis, what a watcher sees so many seconds later, and the server."""
    with redis_server(tmp_path) as server:
        device, decode_device = getattr(request, "param", ("cpu", "cpu"))
        settings = Settings(data_dir=tmp_path, broker_url=server.unix, device=device, decode_device=decode_device)
        watch = Watch(settings)

        def after(seconds: float) -> dict[int, str]:
            """Looks at the end, and every 20 s before it: whoever did not look for long blames nobody."""
            end = clock[0] + seconds
            while clock[0] + 20 < end:
                clock[0] += 20
                watch.ailments([PID])
            clock[0] = end
            return dict(watch.ailments([PID]))

        yield Register(redis_of(settings, 1)), after, server.process


def test_a_worker_that_stops_taking_is_found(watched: tuple[Register, Looks, Any]) -> None:
    register, after, _ = watched
    for event in ("beat", "taken"):
        register.tell(PROCESS, event, facts())
    assert after(0) == {}
    register.tell(PROCESS, "beat", facts())
    assert after(20) == {}
    register.tell(PROCESS, "beat", facts())
    assert "has taken no message for 40 s" in after(20)[PID]
    register.tell(PROCESS, "taken")
    assert after(20) == {}


@pytest.mark.parametrize(
    ("watched", "patience"),
    [
        (("cpu", "cpu"), START_S),
        (("cuda", "cpu"), START_S + PATIENCE_S),
        (("cpu", "cuda"), START_S + PATIENCE_S),
        (("tensorrt", "cuda"), BUILD_S),
    ],
    indirect=["watched"],
)
def test_a_worker_that_starts_has_time_to_load_models(watched: tuple[Register, Looks, Any], patience: float) -> None:
    """And to try its devices before it does."""
    _, after, _ = watched
    assert after(0) == {}
    assert after(patience - 1) == {}
    assert "no sign of life" in after(10)[PID]


def test_nobody_is_blamed_for_a_broker_that_is_away(watched: tuple[Register, Looks, Any]) -> None:
    register, after, server = watched
    register.tell(PROCESS, "beat", facts())
    assert after(0) == {}
    server.send_signal(signal.SIGSTOP)
    assert after(60) == {}
    server.send_signal(signal.SIGCONT)
    assert after(10) == {}
    assert after(RECONNECT_S) == {}
    assert "main process" in after(40)[PID]


def test_nobody_is_blamed_by_a_watcher_that_could_not_look_itself(
    watched: tuple[Register, Looks, Any], clock: list[float]
) -> None:
    register, after, _ = watched
    register.tell(PROCESS, "beat", facts())
    assert after(0) == {}
    clock[0] += 1000  # the machine was stopped
    assert after(0) == {}
    assert "main process" in after(RECONNECT_S + 40)[PID]


def test_nobody_is_blamed_for_a_broker_that_takes_no_signs(watched: tuple[Register, Looks, Any]) -> None:
    register, after, _ = watched
    register.tell(PROCESS, "beat", facts())
    assert after(0) == {}
    register._redis.config_set("maxmemory", 1)
    with pytest.raises(RedisError):
        register.tell(PROCESS, "beat", facts())
    assert after(60) == {}
    register._redis.config_set("maxmemory", 0)
    assert after(10) == {}
    assert "main process" in after(RECONNECT_S + 40)[PID]


def test_what_newer_workers_tell_besides_is_passed_over(watched: tuple[Register, Looks, Any]) -> None:
    register, _, _ = watched
    told = {name: getattr(facts(), name) for name in Facts.__slots__} | {"more": 1}
    register.tell(PROCESS, "beat", facts())
    register._redis.hset(f"{WORKER}{PROCESS}", "facts", json.dumps(told))
    assert [sign.facts for sign in register.signs()] == [facts()]


def test_who_has_ended_is_forgotten(tmp_path: Path, clock: list[float]) -> None:
    with redis_server(tmp_path) as server:
        settings = Settings(data_dir=tmp_path, broker_url=server.unix)
        register, watch = Register(redis_of(settings, 1)), Watch(settings)
        register.tell(PROCESS, "beat", facts())
        _watch_one_end(register, watch, clock)


def _watch_one_end(register: Register, watch: Watch, clock: list[float]) -> None:
    assert watch.ailments([PID]) == {}
    assert [sign.process for sign in register.signs()] == [PROCESS]
    clock[0] += 10
    assert watch.ailments([]) == {}
    assert register.signs() == []
