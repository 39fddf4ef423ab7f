"""Workers that are watched and started again, on machines that run nothing else."""

import os
import signal
from collections.abc import Callable, Sequence

from redis.exceptions import RedisError

from api.commands.processes import worker_command, worker_environment
from api.serve.supervisor import Program, Supervisor
from api.serve.watch import Watch
from pipeline.liveness import Register, Sign
from pipeline.redis_client import redis_of
from pipeline.settings import Settings, environment

KILL_AFTER_S = 15.0
"""Seconds after `stop_s` that an interrupted worker gets to give back what it holds."""
ANSWER_S = 2.0


def worker_program(queues: str, settings: Settings, concurrency: int | None = None) -> Program:
    """The worker for these queues, separated by commas."""
    command, more = (
        worker_command(queues, settings, concurrency),
        worker_environment(queues, settings, concurrency),
    )
    stop_s = settings.stop_s + KILL_AFTER_S
    return Program(f"worker-{queues.replace(',', '-')}", command, more, stop_s=stop_s, is_worker=True)


def supervise(settings: Settings, programs: Sequence[Program], ready: Callable[[], None]) -> None:
    """Runs the workers until SIGTERM or SIGINT; calls `ready` once all of them take messages."""
    supervisor = Supervisor(environment(settings), Watch(settings).ailments)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, supervisor.request_stop)
    try:
        for program in programs:
            supervisor.start(program)
        supervisor.watch(until=lambda: _all_take(settings, {child.process.pid for child in supervisor.children}))
        if not supervisor.stopping:
            ready()
        supervisor.watch()
    finally:
        supervisor.stop()


def _here(settings: Settings) -> list[Sign]:
    host = os.uname().nodename
    with redis_of(settings, ANSWER_S) as client:
        return [sign for sign in Register(client).signs() if sign.process.rpartition(":")[0] == host]


def _all_take(settings: Settings, pids: set[int]) -> bool:
    try:
        taking = {int(sign.process.rpartition(":")[2]) for sign in _here(settings) if not sign.facts.deaf}
    except RedisError:
        return False
    return pids <= taking
