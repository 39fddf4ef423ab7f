"""The heart of a worker: shows that it takes what comes, and where its tasks get on."""

import time
import uuid
from collections.abc import Callable
from functools import cached_property, partial
from importlib.metadata import version
from typing import Any

import structlog
from celery import Celery, bootsteps
from celery.signals import celeryd_init, task_prerun, worker_shutdown
from celery.utils.log import get_logger
from celery.worker import state
from kombu import Exchange, Queue
from redis import Redis
from redis.exceptions import RedisError

from pipeline.errors import SetupError
from pipeline.liveness import KEEP_S, Facts, Register, Sign, own_queue
from pipeline.process import has_ended, origin, process_name
from pipeline.redis_client import redis_of
from pipeline.settings import Settings

BEAT = "reelsight.beat"
"""Name of the message that a worker sends itself."""
ANSWER_S = 1.0
"""The main process of a worker must not wait for a broker that does not answer."""
WAITING = 3
"""Messages of its own that may lie there while it takes none."""
PROGRESS_S = 1.0
"""Tasks tell of progress at most this often."""
MAIN, ORIGIN = process_name(), origin()
"""The main process of this worker: where this module is imported first; children inherit it."""

log = structlog.get_logger()
celery_log = get_logger(__name__)


def install(app: Celery, settings: Settings) -> None:
    """Gives every worker of the application a heart."""
    app.steps["consumer"].add(type("Heart", (_Heart,), {"settings": settings}))
    celeryd_init.connect(lambda sender, **_: begin(settings, sender), weak=False)


def begin(settings: Settings, worker: str) -> None:
    """Clears the register of those in whose place this process works, named `worker` in Celery.

    In containers names of processes come again: what one that was killed has told must not be taken for this one's signs. Elsewhere
    they do not, and one that was killed would be called silent as long as its signs are kept.
    """
    try:
        register = Register(redis_of(settings, ANSWER_S, ANSWER_S))
        register.forget(MAIN)
        for sign in register.signs():
            if sign.facts.worker == worker and _is_gone(sign):
                register.forget(sign.process)
    except (RedisError, SetupError) as error:
        log.debug("register_not_cleared", reason=str(error))


def _is_gone(sign: Sign) -> bool:
    host, _, pid = sign.process.rpartition(":")
    return host == MAIN.rpartition(":")[0] and has_ended(int(pid), sign.facts.origin)


def told_progress(settings: Settings) -> Callable[[], None]:
    """Tells, when called, that a task of this worker has got on; for one process."""
    register = Register(redis_of(settings, ANSWER_S, ANSWER_S))
    due = 0.0
    # A broker that accepts but does not answer must not hold up the work itself again and again.
    pause_s = settings.silent_s / 4

    def tell() -> None:
        nonlocal due
        if time.monotonic() < due:
            return
        due = time.monotonic() + PROGRESS_S
        try:
            register.tell(MAIN, "progress")
        except (RedisError, SetupError) as error:
            due = time.monotonic() + pause_s
            log.debug("progress_not_told", reason=str(error))

    return tell


class _Heart(bootsteps.StartStopStep):
    """Sends the worker messages through the broker and counts those that arrive, all in its main process.

    They come over the connection, the channel and the poll that bring all other messages, and are answered without the pool.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)
    settings: Settings

    def __init__(self, consumer: Any, **_: Any) -> None:
        self._timer: Any = None
        self._queues: tuple[str, ...] = ()

    def start(self, consumer: Any) -> None:
        """After the worker has connected, each time."""
        if consumer.connection.transport.driver_type != "redis":
            return
        if not self._queues:
            self._queues = tuple(sorted(queue.name for queue in consumer.task_consumer.queues))
            worker_shutdown.connect(self._end, weak=False)
            if self._pool(consumer) == "solo":  # from now on until the task has ended there will be no beat
                task_prerun.connect(lambda **_: self._tell(consumer, busy=1), weak=False)
        # Not declared: then nothing is left of the queue when it is empty.
        own = Queue(own_queue(MAIN), Exchange(""), routing_key=own_queue(MAIN), no_declare=True)
        consumer.task_consumer.add_queue(own)
        consumer.strategies[BEAT] = partial(self._take, consumer)
        self._timer = consumer.timer.call_repeatedly(self.settings.beat_s, self._beat, (consumer,))

    def stop(self, _: Any) -> None:
        """Before it disconnects."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    shutdown = stop

    def _take(self, consumer: Any, message: Any, *_: Any) -> None:
        """A message of its own has arrived."""
        message.ack_log_error(celery_log, consumer.connection_errors)
        self._try(lambda: self._register.tell(MAIN, "taken"))

    def _beat(self, consumer: Any) -> None:
        self._tell(consumer, busy=len(state.reserved_requests))
        self._try(lambda: self._send(consumer.app))

    def _tell(self, consumer: Any, busy: int) -> None:
        self._try(lambda: self._register.tell(MAIN, "beat", self._facts(consumer, busy)))

    def _send(self, app: Celery) -> None:
        own = own_queue(MAIN)
        with app.producer_pool.acquire(block=False) as producer:
            headers = {"task": BEAT, "id": str(uuid.uuid4())}
            producer.publish({}, exchange="", routing_key=own, headers=headers, serializer="json", retry=False)
        self._redis.ltrim(own, 0, WAITING - 1)
        self._redis.expire(own, KEEP_S)

    def _end(self, **_: Any) -> None:
        self._try(lambda: self._register.forget(MAIN))

    @cached_property
    def _redis(self) -> Redis:
        return redis_of(self.settings, ANSWER_S, ANSWER_S)

    @cached_property
    def _register(self) -> Register:
        return Register(self._redis)

    def _facts(self, consumer: Any, busy: int) -> Facts:
        listens = consumer.task_consumer
        now = time.time()
        begun = [request.time_start for request in list(state.active_requests) if request.time_start]
        return Facts(
            worker=consumer.hostname,
            queues=self._queues,
            deaf=tuple(name for name in self._queues if not listens or not listens.consuming_from(name)),
            pool=self._pool(consumer),
            slots=consumer.pool.num_processes,
            busy=busy,
            busy_s=max(0.0, now - min(begun, default=now)),
            version=version("reelsight"),
            origin=ORIGIN,
        )

    @staticmethod
    def _pool(consumer: Any) -> str:
        return type(consumer.pool).__module__.rpartition(".")[2]

    def _try(self, act: Callable[[], None]) -> None:
        """A worker whose broker is away for a moment only gives no sign."""
        try:
            act()
        except Exception as error:
            log.debug("sign_of_life_not_given", reason=str(error))
