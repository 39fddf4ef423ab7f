"""Connections to the broker's Redis, for what goes through it beside Celery's messages."""

from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as LostConnectionError
from redis.retry import Retry

from pipeline.errors import SetupError
from pipeline.settings import Settings


def redis_of(settings: Settings, answer_s: float, connect_s: float = 2.0) -> Redis:
    """A client that connects on first use; safe to use from several threads, not over a fork.

    Args:
        settings: Say where the broker is.
        answer_s: How long an answer may take.
        connect_s: How long connecting may take.

    Raises:
        SetupError: the broker is not Redis.
    """
    options: dict[str, Any] = {
        "socket_connect_timeout": connect_s,
        "socket_timeout": answer_s,
        "health_check_interval": 10,
        # A connection that has ended is made anew; a server that does not answer is not asked twice.
        "retry": Retry(NoBackoff(), 1, (LostConnectionError,)),
    }
    if settings.broker_url is None:
        return Redis(unix_socket_path=str(settings.redis_socket), **options)
    scheme, _, rest = settings.broker_url.partition("://")
    try:
        if scheme == "redis+socket":
            return Redis.from_url(f"unix://{rest.replace('virtual_host=', 'db=')}", **options)
        return Redis.from_url(settings.broker_url, socket_keepalive=True, **options)
    except ValueError:
        raise SetupError(
            f"REELSIGHT_BROKER_URL: operations on images and signs of life need Redis or Valkey, not {scheme}."
        ) from None
