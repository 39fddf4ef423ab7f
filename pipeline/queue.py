"""The one door to Celery outside `workers`: its settings, and wake-ups sent by task name.

The database is the truth; a wake-up that is lost is sent again by the sweeper, so sending never fails a request.
"""

import json
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import structlog
from celery import Celery
from celery.schedules import schedstate, schedule
from kombu.exceptions import ChannelError, OperationalError
from redis.exceptions import RedisError

from pipeline.settings import Settings
from pipeline.turns import How

log = structlog.get_logger()

VIDEO = "video"
"""Queue of chunks: decoding and inference, minutes each."""
CONTROL = "control"
"""Queue of sweeping, and name of what is done beside decoding: sweeping, planning and finishing."""
PLANNING, FINISHING = "plan", "finish"
"""Queues that the workers of `control` take from by turns, so that a thousand new jobs delay neither results nor sweeping."""
NOTIFY = "notify"
"""Queue of webhook deliveries: waits on other people's servers."""
IMAGES = "images"
"""Queue of operations on images: inference, well under a second each, while somebody waits."""
QUEUES = (VIDEO, CONTROL, NOTIFY, IMAGES)

PLAN = "reelsight.plan"
ANALYZE_CHUNK = "reelsight.analyze_chunk"
FINISH_PASS = "reelsight.finish_pass"  # noqa: S105 - a task, not a password
SWEEP = "reelsight.sweep"
DELIVER = "reelsight.deliver"
ANSWER_IMAGE = "reelsight.answer_image"
ROUTES: Mapping[str, str] = {
    PLAN: PLANNING,
    ANALYZE_CHUNK: VIDEO,
    FINISH_PASS: FINISHING,
    SWEEP: CONTROL,
    DELIVER: NOTIFY,
    ANSWER_IMAGE: IMAGES,
}

VISIBILITY_TIMEOUT_S = 1800
"""Past this an unacknowledged message is delivered again; longer than any task may run (TASK_LIMIT_S)."""
TASK_LIMIT_S = 1500
BURST_PLANS = 8
"""Calls for planning in a burst that send a message each, so that as many workers plan side by side."""
BURST = 0.8
"""A burst lasts this part of the time that jobs linger."""


def taken_from(queues: str) -> str:
    """What a worker that is started for these queues takes its messages from; names are separated by commas."""
    return ",".join(f"{name},{PLANNING},{FINISHING}" if name == CONTROL else name for name in queues.split(","))


class Every(schedule):
    """A schedule that goes by the clock that nobody sets: a machine whose time is put back would sweep nothing until it has caught up."""

    def __init__(self, seconds: float) -> None:
        """Due at once, and from then on every so many seconds."""
        super().__init__(timedelta(seconds=seconds))
        self._every_s = seconds
        self._due_s = time.monotonic()

    def is_due(self, last_run_at: datetime) -> Any:
        """Whether it is due, and in how many seconds to ask again."""
        left_s = self._due_s - time.monotonic()
        if left_s > 0:
            return schedstate(is_due=False, next=left_s)
        self._due_s = time.monotonic() + self._every_s
        return schedstate(is_due=True, next=self._every_s)


def make_app(settings: Settings) -> Celery:
    """The Celery application as both ends need it.

    Source: Celery 5.6 configuration reference. Late acknowledgement together with `task_reject_on_worker_lost` returns the
    chunk of a killed worker to the queue; prefetch is off because one chunk may take minutes.
    """
    app = Celery("reelsight", broker=settings.celery_url)
    app.conf.update(
        task_routes={name: {"queue": queue} for name, queue in ROUTES.items()},
        task_create_missing_queues=True,
        task_default_queue=CONTROL,
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_acks_on_failure=True,
        task_acks_on_timeout=True,
        task_time_limit=TASK_LIMIT_S,
        task_serializer="json",
        accept_content=["json"],
        task_send_sent_event=False,  # an event per request that nobody would miss: Flower learns of tasks as they are received
        worker_send_task_events=True,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        worker_cancel_long_running_tasks_on_connection_loss=True,
        worker_soft_shutdown_timeout=settings.stop_s,
        worker_enable_soft_shutdown_on_idle=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_max_tasks_per_child=500,
        visibility_timeout=VISIBILITY_TIMEOUT_S,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_pool_limit=settings.image_waiting + 10,  # nobody waits for a connection that waits for a broker
        broker_transport_options={
            "visibility_timeout": VISIBILITY_TIMEOUT_S,
            "socket_keepalive": True,
            "socket_connect_timeout": 2,
            # A broker that accepts but does not answer must not hold up a request.
            "socket_timeout": 4,
            "health_check_interval": 10,
            # A caller waits for no broker: what it wanted to wake, the sweeper wakes later.
            "max_retries": 0,
        },
        # Without `expires`, which would compare the clocks of two machines: whoever takes several at once does one.
        beat_schedule={"sweep": {"task": SWEEP, "schedule": Every(settings.sweep_s)}},
        timezone="UTC",
    )
    return app


class CeleryQueue:
    """Wakes workers; what they then do, they read from the database."""

    def __init__(self, app: Celery) -> None:
        """A queue that sends through `app`."""
        self._app = app
        self._burst = threading.Lock()
        self._burst_ends_s, self._burst_plans = 0.0, 0

    def wake_plan(self, delay_s: float = 0.0) -> None:
        """Asks for planning; the planner itself waits until jobs have lingered, so the delay is not sent.

        Of a burst the first few calls send, and one message comes after all others, before the last of their jobs has lingered: whoever
        takes it sees what was kept for any of them.
        """
        if delay_s <= 0 or self._leads(delay_s):
            self._send(PLAN)

    def waiting_plans(self) -> int | None:
        """How many such messages no worker has taken; None: the broker is away."""
        return self._waiting(PLANNING)

    def wake_chunk(self) -> None:
        """Asks for the analysis of a chunk; whose, is decided when a worker takes the message."""
        self._send(ANALYZE_CHUNK)

    def waiting_chunks(self) -> int | None:
        """How many such messages no worker has taken; None: the broker is away."""
        return self._waiting(VIDEO)

    def wake_finish(self) -> None:
        """Asks for aggregation of a pass whose chunks are done."""
        self._send(FINISH_PASS)

    def wake_delivery(self) -> None:
        """Asks for the delivery of due notifications."""
        self._send(DELIVER)

    def wake_image(self, letter_id: str, how: How = "turn") -> None:
        """Asks for the answer to a request on an image that lies in the mailbox."""
        self._send(ANSWER_IMAGE, letter_id, how)

    def ping(self) -> None:
        """Reaches the broker.

        Raises:
            OperationalError: the broker cannot be reached.
        """
        with self._app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=2)

    def _leads(self, delay_s: float) -> bool:
        """Whether this call for planning sends a message of its own; one is sent at the end of the burst for those that do not."""
        with self._burst:
            now = time.monotonic()
            if now >= self._burst_ends_s:
                self._burst_ends_s, self._burst_plans = now + BURST * delay_s, 0
            self._burst_plans += 1
            if self._burst_plans == BURST_PLANS + 1:
                with suppress(RuntimeError):  # the process is ending: the sweeper asks
                    threading.Timer(self._burst_ends_s - now, self._send, (PLAN,)).start()
            return self._burst_plans <= BURST_PLANS

    def _waiting(self, queue: str) -> int | None:
        try:
            # One that is open already: a new one costs several times as much as the question.
            with self._app.producer_or_acquire() as producer:
                return int(producer.channel.queue_declare(queue, passive=True).message_count)
        except ChannelError:
            return 0  # nobody has sent any
        except (OperationalError, RedisError, OSError) as error:
            log.warning("messages_not_counted", reason=str(error))
            return None

    def _send(self, name: str, *arguments: Any) -> None:
        try:
            self._app.send_task(name, args=arguments, queue=ROUTES[name], retry=False)
        except (OperationalError, OSError) as error:
            log.warning("wake_up_lost", task=name, arguments=json.dumps(arguments), reason=str(error))
