"""Of which workers that were killed the next one clears the register."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from pipeline.liveness import Facts, Register
from pipeline.process import has_ended, origin
from pipeline.redis_client import redis_of
from pipeline.settings import Settings
from tests.support.redis_server import redis_server
from workers import heart

WORKER = f"video@{os.uname().nodename}"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    folder = tmp_path_factory.mktemp("heart")
    with redis_server(folder) as server:
        yield Settings(data_dir=folder, broker_url=server.unix)


@pytest.fixture
def living() -> Iterator[subprocess.Popen[bytes]]:
    """Another process of this host."""
    with subprocess.Popen(["sleep", "1000"]) as process:
        try:
            yield process
        finally:
            process.kill()


def changed(known: str, place: int) -> str:
    """What another boot (0), namespace (1) or process (2) would have told."""
    parts = known.split(" ")
    return " ".join([*parts[:place], parts[place] + "1", *parts[place + 1 :]])


def remain(settings: Settings, pid: int, known: str, worker: str = WORKER, host: str = os.uname().nodename) -> bool:
    """Whether a row of that process is still there after a worker has begun."""
    register = Register(redis_of(settings, 1))
    process = f"{host}:{pid}"
    register.tell(process, "beat", Facts(worker, ("video",), (), "prefork", 1, 0, 0.0, "0", known))
    heart.begin(settings, WORKER)
    kept = process in {sign.process for sign in register.signs()}
    register.forget(process)
    return kept


def test_a_worker_that_lives_stays(settings: Settings, living: subprocess.Popen[bytes]) -> None:
    known = origin(living.pid)
    assert known
    assert remain(settings, living.pid, known)
    assert not remain(settings, living.pid, changed(known, 2)), "it had the same pid, and was another process"


def test_one_that_was_killed_is_forgotten_where_it_is_surely_of_this_machine(
    settings: Settings, living: subprocess.Popen[bytes]
) -> None:
    known = origin(living.pid)
    living.kill()
    living.wait()
    assert not remain(settings, living.pid, known)
    assert remain(settings, living.pid, known, worker="images@elsewhere")
    assert remain(settings, living.pid, known, host="elsewhere")
    assert remain(settings, living.pid, changed(known, 0))
    assert remain(settings, living.pid, changed(known, 1))
    assert remain(settings, living.pid, "")


def test_what_cannot_be_told_is_not_called_ended(living: subprocess.Popen[bytes]) -> None:
    known = origin(living.pid)
    living.kill()
    living.wait()
    assert has_ended(living.pid, known)
    assert not any(has_ended(living.pid, other) for other in ("", "x", " ", "a b c", known.replace(" ", "")))


def test_rows_of_versions_that_do_not_tell_their_origin_are_read(settings: Settings) -> None:
    client = redis_of(settings, 1)
    Register(client).tell("here:1", "beat", Facts("video@here", ("video",), (), "prefork", 1, 0, 0.0, "0", "x"))
    row = b"reelsight:worker:here:1"
    told = client.hget(row, "facts")
    assert isinstance(told, bytes)
    client.hset(row, "facts", told.replace(b', "origin": "x"', b""))
    (sign,) = Register(client).signs()
    assert (sign.facts.worker, sign.facts.origin) == ("video@here", "")
