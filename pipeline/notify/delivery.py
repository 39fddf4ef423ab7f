"""Delivery of what is due: claim under a lease, sign, POST, settle."""

import time
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from pipeline.notify.keyring import Keyring
from pipeline.notify.message import Kind, Links, body, envelope
from pipeline.notify.outbox import Delivery, DeliveryState, Lane, anything_due
from pipeline.notify.retry import DEFAULT_RETRY, RetryPolicy
from pipeline.notify.signing import Signer
from pipeline.notify.ssrf import Guard, Resolver, resolve
from pipeline.notify.webhook import DeliveryFailed, Response, Webhooks, trust
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.store.engine import reading, writing
from pipeline.store.metadata import utcnow

log = structlog.get_logger()

THREADS = 8
"""Deliveries at a time in each lane of one process; a subscription has one at most."""
ROUND_S = 60.0
"""After this long a call takes nothing new, so that it ends however slow receivers are."""
POLL_S = 0.25
"""While deliveries are under way, how often others that became due are looked for."""
LEASE_MARGIN_S = 45.0
"""A delivery is over after the webhook timeout, plus the time that resolving the name may take."""
LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Courier:
    """Brings deliveries to their webhooks.

    Attributes:
        services: The installation.
        webhooks: How to post.
        signer: Signs the messages.
        links: Bases of the URLs in messages.
        started: This moment, as the caller has it.
        began_s: The same moment on the monotonic clock.
        retry: When to try again.
    """

    services: Services
    webhooks: Webhooks
    signer: Signer
    links: Links
    started: datetime
    began_s: float
    retry: RetryPolicy = DEFAULT_RETRY

    @property
    def now(self) -> datetime:
        """This moment on the caller's clock."""
        return self.started + timedelta(seconds=time.monotonic() - self.began_s)

    def claim(self, lane: Lane, count: int) -> list[Delivery]:
        """Up to `count` due deliveries of a lane, held by us from now on."""
        outbox, now = self.services.outbox, self.now
        with reading(self.services.engine) as connection:
            keys = outbox.due(connection, now, lane, count) if count > 0 else []
        if not keys:
            return []
        lease = timedelta(seconds=self.webhooks.timeout_s + LEASE_MARGIN_S)
        with writing(self.services.engine) as connection:
            return list(outbox.claim(connection, keys, now, lease))

    def bring(self, delivery: Delivery) -> None:
        """Posts one delivery and writes down what came of it."""
        try:
            outcome = _judge(self._post(delivery))
        except DeliveryFailed as error:
            outcome = _Outcome(None, str(error), final=False)
        except Exception as error:
            # A message that cannot be built must not be tried for ever: it counts like a receiver that fails.
            log.exception("delivery_broke", message_id=delivery.notification.id)
            outcome = _Outcome(None, f"{type(error).__name__}: {error}", final=False)
        self._settle(delivery, outcome)

    def _post(self, delivery: Delivery) -> Response:
        message = envelope(delivery.notification, delivery.subscription_arn, delivery.protocol, self.links)
        content = body(self.signer.signed(message, delivery.version))
        return self.webhooks.post(delivery.endpoint, headers(delivery), content)

    def _settle(self, delivery: Delivery, outcome: "_Outcome") -> None:
        now, failures = self.now, delivery.attempts + 1
        wait_for = None if outcome.final else self.retry.delay(failures)
        values: dict[str, Any] = {"last_code": outcome.code, "last_error": outcome.error}
        if outcome.error is None:
            values |= {"state": DeliveryState.DELIVERED.value, "settled_at": now}
        elif wait_for is None:
            values |= {"state": DeliveryState.DEAD.value, "settled_at": now}
        else:
            values |= {"next_at": now + wait_for}
        with writing(self.services.engine) as connection:
            kept = self.services.outbox.settle(connection, delivery, values, failed=outcome.error is not None)
        _tell(delivery, outcome, values.get("state", DeliveryState.PENDING) if kept else "DROPPED")


@dataclass(frozen=True, slots=True)
class _Outcome:
    """`error` None: delivered. `final`: no retry can help."""

    code: int | None
    error: str | None
    final: bool


def deliver_due(
    services: Services, now: datetime | None = None, limit: int = LIMIT, resolver: Resolver = resolve
) -> int:
    """How many deliveries were tried; returns when nothing is due any more, or after about a minute.

    Any number of processes may call it at once: each delivery is held by one of them under a lease.
    """
    courier = _courier(services, now or utcnow(), resolver)
    if courier is None:
        return 0
    flying: dict[Future[None], Lane] = {}
    taken = 0
    with ThreadPoolExecutor(THREADS * len(Lane), thread_name_prefix="deliver") as pool:
        while True:
            open_for_more = time.monotonic() - courier.began_s < ROUND_S
            for lane in Lane if open_for_more else ():
                free = THREADS - sum(one is lane for one in flying.values())
                for delivery in courier.claim(lane, min(free, limit - taken)):
                    flying[pool.submit(courier.bring, delivery)] = lane
                    taken += 1
            if not flying:
                return taken
            done, _ = wait(flying, timeout=POLL_S, return_when=FIRST_COMPLETED)
            for future in done:
                del flying[future]
                future.result()


def _courier(services: Services, now: datetime, resolver: Resolver) -> Courier | None:
    """None where nothing is due: then no key is made and no authority loaded."""
    with reading(services.engine) as connection:
        if not anything_due(connection, now):
            return None
    settings = services.settings
    webhooks = Webhooks(
        Guard.from_settings(settings, resolver), trust(settings.webhook_ca_file), settings.webhook_timeout_s
    )
    signer = Keyring(services.engine, settings).signer(now)
    return Courier(services, webhooks, signer, links(settings), now, time.monotonic())


def links(settings: Settings) -> Links:
    """SigningCertURL is https, as verifiers demand; SubscribeURL and UnsubscribeURL are on the http port, because a person or
    a program that follows them need not trust our authority. Their tokens are the secret, and `public_url` may be https."""
    return Links(actions=settings.http_url, certificates=settings.https_url)


def headers(delivery: Delivery) -> Mapping[str, str]:
    """The headers of a delivery, as SNS sends them."""
    notification = delivery.notification
    confirming = notification.kind is Kind.SUBSCRIPTION_CONFIRMATION
    return {
        "x-amz-sns-message-type": notification.kind.value,
        "x-amz-sns-message-id": notification.id,
        "x-amz-sns-topic-arn": notification.topic_arn,
        **({} if confirming else {"x-amz-sns-subscription-arn": delivery.subscription_arn}),
        "Content-Type": "text/plain; charset=UTF-8",
        "User-Agent": "Amazon Simple Notification Service Agent",
    }


def _judge(response: Response) -> _Outcome:
    """2xx is delivered; 4xx tells that no retry can help, but for 429; anything else may pass.

    Source: Amazon SNS Developer Guide, "Amazon SNS dead-letter queues" (client-side and server-side errors).
    """
    if 200 <= response.code < 300:
        return _Outcome(response.code, None, final=False)
    final = 400 <= response.code < 500 and response.code != 429
    return _Outcome(response.code, f"HTTP {response.code} {response.snippet}".strip(), final)


def _tell(delivery: Delivery, outcome: _Outcome, state: str) -> None:
    event = "notification_delivered" if outcome.error is None else "notification_delivery_failed"
    log.info(
        event,
        message_id=delivery.notification.id,
        subscription_arn=delivery.subscription_arn,
        state=str(state),
        attempt=delivery.attempts + 1,
        code=outcome.code,
        reason=outcome.error,
    )
