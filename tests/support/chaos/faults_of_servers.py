"""Faults of the servers behind the processes: the database, the broker, the network to them."""

import signal
import time
from collections.abc import Callable
from random import Random
from typing import Any

import psycopg
from sqlalchemy.exc import OperationalError

from tests.support.chaos.installation import Installation
from tests.support.chaos.processes import NotNow, send
from tests.support.chaos.shapes import Many, One

Heal = Callable[[], None]


def _kill_private_redis(installation: Installation, random: Random) -> None:
    found = installation.machines[0].children("redis-server")
    if not found:
        raise NotNow
    send(found[0], signal.SIGKILL)


def _freeze_private_redis(installation: Installation, random: Random) -> Heal:
    found = installation.machines[0].children("redis-server")
    if not found:
        raise NotNow
    send(found[0], signal.SIGSTOP)
    return lambda: send(found[0], signal.SIGCONT)


def _lock_sqlite(installation: Installation, random: Random) -> Heal:
    """Another program holds the write lock, as a backup may."""
    assert isinstance(installation, One)
    engine = installation.engine()
    connection = engine.raw_connection()
    try:
        connection.execute("BEGIN IMMEDIATE")  # type: ignore[attr-defined]
    except Exception as error:
        engine.dispose()
        raise NotNow from error

    def heal() -> None:
        connection.rollback()
        connection.close()
        engine.dispose()

    return heal


def _restart_redis(keep: bool) -> Callable[[Installation, Random], Heal]:
    def inject(installation: Installation, random: Random) -> Heal:
        assert isinstance(installation, Many)
        redis = installation.redis
        redis.end(signal.SIGKILL)
        if not keep:
            redis.forget()
        return redis.start

    return inject


def _freeze_redis(installation: Installation, random: Random) -> Heal:
    assert isinstance(installation, Many)
    installation.redis.send(signal.SIGSTOP)
    return lambda: installation.redis.send(signal.SIGCONT)


def _freeze_postgres(installation: Installation, random: Random) -> Heal:
    """All of its processes: frozen backends answer nothing, while their sockets stay open."""
    assert isinstance(installation, Many)
    try:
        backends = installation.postgres.backends()
    except psycopg.Error as error:
        raise NotNow from error
    assert installation.postgres.process
    pids = [installation.postgres.process.pid, *backends]
    for pid in pids:
        send(pid, signal.SIGSTOP)
    return lambda: [send(pid, signal.SIGCONT) for pid in pids] and None


def _restart_postgres(installation: Installation, random: Random) -> Heal:
    """SIGQUIT is its immediate shutdown: no check point, every connection lost."""
    assert isinstance(installation, Many)
    installation.postgres.end(signal.SIGQUIT)
    return installation.postgres.start


def _kill_backend(installation: Installation, random: Random) -> None:
    """PostgreSQL then ends all others and recovers from its log."""
    assert isinstance(installation, Many)
    try:
        send(random.choice(installation.postgres.backends()), signal.SIGKILL)
    except (psycopg.Error, OperationalError, IndexError) as error:
        raise NotNow from error


def _partition(which: str) -> Callable[[Installation, Random], Heal]:
    def inject(installation: Installation, random: Random) -> Heal:
        assert isinstance(installation, Many)
        link = random.choice(getattr(installation, which))
        link.cut()

        def heal() -> None:
            # What was under way when the network went is answered by nobody any more.
            link.reset()
            time.sleep(0.1)
            link.mend()

        return heal

    return inject


def _reset(which: str) -> Callable[[Installation, Random], None]:
    def inject(installation: Installation, random: Random) -> None:
        random.choice(getattr(installation, which)).reset()

    return inject


ROWS: tuple[tuple[Any, ...], ...] = (
    ("kill -9 redis, its data lost", "broker", _kill_private_redis, (0.0, 0.0), ("one",)),
    ("freeze redis", "broker", _freeze_private_redis, (3.0, 8.0), ("one",)),
    ("SQLite locked by another program", "database", _lock_sqlite, (2.0, 8.0), ("one",)),
    ("kill -9 redis, its data kept", "broker", _restart_redis(keep=True), (0.5, 5.0), ("many",)),
    ("kill -9 redis, its data lost", "broker", _restart_redis(keep=False), (0.5, 5.0), ("many",)),
    ("freeze redis", "broker", _freeze_redis, (3.0, 8.0), ("many",)),
    ("freeze PostgreSQL", "database", _freeze_postgres, (3.0, 10.0), ("many",)),
    ("immediate shutdown of PostgreSQL", "database", _restart_postgres, (0.5, 5.0), ("many",)),
    ("kill -9 a PostgreSQL backend", "database", _kill_backend, (0.0, 0.0), ("many",)),
    ("partition between a machine and the broker", "broker", _partition("links"), (3.0, 12.0), ("many",)),
    ("partition between a machine and the database", "database", _partition("base_links"), (3.0, 12.0), ("many",)),
    ("connections to the broker reset", "broker", _reset("links"), (0.0, 0.0), ("many",)),
)
"""Name, part, how, how long, in which shapes; see `faults.Fault`."""
