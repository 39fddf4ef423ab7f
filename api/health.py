"""Whether the api lives, and whether what it needs can be reached."""

from collections.abc import Callable, Mapping

import structlog
from redis.exceptions import RedisError
from sqlalchemy import select

from pipeline.errors import SetupError
from pipeline.liveness import Register
from pipeline.roll_call import roll_call
from pipeline.services import Services
from pipeline.store.engine import reading

log = structlog.get_logger()


def readiness(services: Services) -> Mapping[str, str]:
    """Part -> "ok" or the kind of error it answers with; details go to the log, the page is public."""
    parts: Mapping[str, Callable[[], object]] = {
        "database": lambda: _select_one(services),
        "broker": services.queue.ping,
        "objects": lambda: next(services.work.list("ready/"), None),
    }
    return {name: _state(name, check) for name, check in parts.items()}


def workers(services: Services, register: Callable[[], Register]) -> Mapping[str, int] | None:
    """Queue -> how many workers take what comes to it; None while the broker is away, or is not Redis. A queue without any does not make
    the api less ready: jobs wait.
    """
    try:
        return roll_call(register(), services.settings).queues()
    except (RedisError, SetupError) as error:
        log.debug("workers_not_counted", reason=str(error))
        return None


def _state(name: str, check: Callable[[], object]) -> str:
    try:
        check()
    except Exception as error:
        log.warning("part_not_ready", part=name, reason=str(error))
        return type(error).__name__
    return "ok"


def _select_one(services: Services) -> None:
    with reading(services.engine) as connection:
        connection.execute(select(1))
