"""Structured logs: one JSON object a line, one past-tense event per state move."""

import logging
import sys
from typing import Literal

import structlog

CHATTY = (
    "alembic",
    "celery.worker.strategy",
    "celery.app.trace",
    "celery.beat",
    "httpx",
    "httpcore",
    "botocore",
    "boto3",
    "urllib3",
)
"""Loggers that tell of every step; only their warnings are kept."""
SECRET_KEYS = frozenset({"secret", "token", "authorization", "password", "secret_access_key", "signature"})


def _redact(_logger: object, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {k: "***" if k.lower() in SECRET_KEYS else v for k, v in event.items()}


def configure(level: str = "INFO", style: Literal["json", "console"] = "json") -> None:
    """Sends every log line of this process to standard error in the given style."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _redact,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if style == "json" else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
