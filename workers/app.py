"""The Celery application and what each worker process holds: services and models, made after the fork."""

import contextlib
import os
import resource
import signal
import sys
from functools import cache
from pathlib import Path
from typing import Any

from celery.signals import setup_logging, worker_process_init, worker_shutting_down

from pipeline import logs
from pipeline.models.library import Library
from pipeline.models.threads import inference_threads
from pipeline.process import die_with_parent
from pipeline.queue import VIDEO, CeleryQueue, make_app
from pipeline.services import Services
from pipeline.settings import Settings

settings = Settings()
app = make_app(settings)
app.conf.imports = ("workers.tasks",)


@cache
def services() -> Services:
    """This process's connections; made on first use, which is after the fork."""
    made = Services.from_settings(settings, CeleryQueue(app))
    made.prepare()
    return made


@cache
def models() -> Library:
    """This process's models; each is loaded on first use and kept."""
    return Library.from_settings(settings, inference_threads(settings.threads, settings.concurrency))


@setup_logging.connect
def _log(**_: Any) -> None:
    logs.configure(settings.log_level, settings.log_format)


@worker_process_init.connect
def _limit_child(**_: Any) -> None:
    """Hostile files are decoded here: the child may not outgrow its memory, nor outlive its parent."""
    die_with_parent()
    if sys.platform == "linux" and settings.worker_memory_mb and settings.device == "cpu":
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = pages * os.sysconf("SC_PAGE_SIZE") + settings.worker_memory_mb * 1024**2
        with contextlib.suppress(ValueError):  # a lower limit is in force already
            resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))


@worker_shutting_down.connect
def _interrupt_own_task(sender: str = "", **_: Any) -> None:
    """A solo worker analyses in this very thread, where no pool can end a task: an alarm does, and the chunk is given back."""
    has_children = "REMAP_SIGTERM" in os.environ
    if VIDEO in sender.partition("@")[0].split("-") and not has_children:
        signal.signal(signal.SIGALRM, lambda *_: sys.exit())
        signal.setitimer(signal.ITIMER_REAL, settings.stop_s)
