"""The Celery application and what each worker process holds: services and models, made after the fork."""

import atexit
import contextlib
import os
import resource
import signal
import sys
import threading
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from celery.signals import (
    celeryd_after_setup,
    celeryd_init,
    setup_logging,
    worker_process_init,
    worker_process_shutdown,
    worker_shutting_down,
)

from pipeline import logs, scratch
from pipeline.conduct.limits import address_limit
from pipeline.devices import require_devices
from pipeline.errors import SetupError
from pipeline.models.library import Library
from pipeline.models.threads import inference_threads
from pipeline.process import die_with_parent, on_progress
from pipeline.queue import IMAGES, VIDEO, CeleryQueue, make_app
from pipeline.services import Services
from pipeline.settings import Settings
from workers import heart
from workers.slots import Slots

if TYPE_CHECKING:
    # Workers that neither decode nor detect need no arrays.
    from pipeline.models.types import Models
    from workers.side_by_side import SideBySide

ENGINES_S = 900
"""TensorRT builds an engine for every new shape of inputs, in minutes, and keeps it; a worker must not be ended over that."""

settings = Settings()
IMAGE_LIMIT_S = 2 * settings.image_timeout_s
"""Past it a request ends its process: not with its caller's patience, or a slow machine might never get done with loading its models."""
app = make_app(settings)
app.conf.imports = ("workers.tasks",)
_scratch: scratch.Scratch | None = None
heart.install(app, settings)
on_progress(heart.told_progress(settings))


_children: dict[str, int] = {}


@cache
def services() -> Services:
    """This process's connections; made on first use, which is after the fork."""
    made = Services.from_settings(settings, CeleryQueue(app))
    made.prepare()
    return made


@cache
def models() -> Library:
    """This process's models for images, which come one by one: each run uses all cores. They are loaded on first use and kept."""
    return Library.from_settings(settings, inference_threads(settings.threads, settings.concurrency))


@cache
def video_models() -> Library:
    """This process's models for videos, whose frames are looked at side by side: each run uses one core, which wastes least."""
    return Library.from_settings(settings)


@cache
def side_by_side() -> "SideBySide":
    """What the threads of this process share."""
    from workers.side_by_side import SideBySide

    give_back = partial(services().queue.wake_image, how="redelivered")
    limit_s = ENGINES_S if settings.device == "tensorrt" else IMAGE_LIMIT_S
    made = SideBySide(models(), settings.image_gather_ms / 1000, limit_s, give_back)
    made.preload()
    return made


@cache
def finishing_slots() -> Slots:
    """Bounds how many children of this worker put results together at once: all but one, which plans and sweeps meanwhile."""
    return Slots(_children.get("number", 1) - 1)


@contextlib.contextmanager
def models_for_image(message_id: str) -> Iterator["Models"]:
    """The models for one request on an image; in a pool of threads those whose runs requests share."""
    if threading.current_thread() is threading.main_thread():
        yield models()
        return
    with side_by_side().request(message_id) as shared:
        yield shared


@setup_logging.connect
def _log(**_: Any) -> None:
    logs.configure(settings.log_level, settings.log_format)


@worker_process_init.connect
def _limit_child(**_: Any) -> None:
    """Hostile files are decoded here: the child may not outgrow its memory, nor outlive its parent."""
    die_with_parent()
    _take_scratch()
    _limit_memory()


@celeryd_init.connect
def _require_devices(sender: str = "", **_: Any) -> None:
    """A worker whose GPU is not there would take videos only to fail them."""
    try:
        require_devices(settings, ",".join(queues_of(sender)))
    except SetupError as error:
        sys.exit(f"Error: {error}")


@celeryd_init.connect
def _take_scratch_of_parent(**_: Any) -> None:
    _take_scratch()
    atexit.register(
        _leave_scratch
    )  # children end without asking for it; a shutdown that waits for nobody sends no signal


def _take_scratch() -> None:
    """Has all temporary files of this process made where whoever comes after it removes them, should it be killed."""
    global _scratch  # noqa: PLW0603 - one per process, and a child must not remove that of its parent
    _scratch = None
    try:
        _scratch = scratch.take(settings.scratch_path)
    except OSError as error:  # the disk is full, perhaps: what needs room will tell
        structlog.get_logger().warning("no_scratch", reason=str(error))


@worker_process_shutdown.connect
def _leave_scratch(**_: Any) -> None:
    global _scratch  # noqa: PLW0603 - see above
    if _scratch is not None:
        _scratch.remove()
        _scratch = None
    scratch.prune(settings.scratch_path)


@celeryd_after_setup.connect
def _share_slots(instance: Any = None, **_: Any) -> None:
    """Made before the fork, so that all children share them."""
    _children["number"] = int(instance.concurrency or 1)
    finishing_slots()


@celeryd_after_setup.connect
def _share_process(sender: str = "", instance: Any = None, **_: Any) -> None:
    """Threads have no process of their own to be prepared: this one is, before there are any."""
    if IMAGES in queues_of(sender) and "thread" in instance.pool_cls.__module__:
        logs.configure(settings.log_level, settings.log_format)
        _limit_memory()
        side_by_side()


def queues_of(hostname: str) -> list[str]:
    """The queues that a worker of this name was started for."""
    return hostname.partition("@")[0].split("-")


def _limit_memory() -> None:
    # A GPU's driver reserves more addresses than any machine has memory.
    on_cpu = settings.device == settings.decode_device == "cpu"
    if sys.platform == "linux" and settings.worker_memory_mb and on_cpu:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = address_limit(settings, pages * os.sysconf("SC_PAGE_SIZE"))
        with contextlib.suppress(ValueError):  # a lower limit is in force already
            resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))


@worker_shutting_down.connect
def _interrupt_own_task(sender: str = "", **_: Any) -> None:
    """A solo worker analyses in this very thread, where no pool can end a task: an alarm does, and the chunk is given back."""
    has_children = "REMAP_SIGTERM" in os.environ
    if VIDEO in queues_of(sender) and not has_children:
        signal.signal(signal.SIGALRM, lambda *_: sys.exit())
        signal.setitimer(signal.ITIMER_REAL, settings.stop_s)
