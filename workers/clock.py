"""The Celery application of beat, which wakes the sweeper: it takes no message, and so loads neither tasks nor models."""

from typing import Any

from celery.signals import setup_logging

from pipeline import logs
from pipeline.queue import make_app
from pipeline.settings import Settings

settings = Settings()
app = make_app(settings)


@setup_logging.connect
def _log(**_: Any) -> None:
    logs.configure(settings.log_level, settings.log_format)
