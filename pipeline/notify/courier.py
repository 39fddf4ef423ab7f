"""Brings one delivery where it goes: signs it, posts it or puts it into a queue, and says what came of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from pipeline.notify.aws import AwsClients, AwsFailed
from pipeline.notify.held import Delivery
from pipeline.notify.message import Kind, Links, body, envelope
from pipeline.notify.outbox import ELSEWHERE, WEB
from pipeline.notify.outcome import Outcome, judge
from pipeline.notify.queues import MAX_ATTRIBUTES, error_attributes, put
from pipeline.notify.raw import signature_headers
from pipeline.notify.retry import QUEUE_RETRY
from pipeline.notify.signing import Signer
from pipeline.notify.upstream import publish
from pipeline.notify.webhook import DeliveryFailed, Webhooks

log = structlog.get_logger()

AGENT = "Amazon Simple Notification Service Agent"


@dataclass(frozen=True, slots=True)
class Courier:
    """Brings deliveries to webhooks, queues and topics elsewhere; many threads may use it.

    Attributes:
        webhooks: How to post.
        aws: How to reach queues, and topics elsewhere.
        signer: Signs the messages.
        links: Bases of the URLs in messages.
        secret_keys: The installation's, of which the keys of raw deliveries are derived.
        now: This moment.
    """

    webhooks: Webhooks
    aws: AwsClients
    signer: Signer
    links: Links
    secret_keys: Sequence[bytes]
    now: Callable[[], datetime]

    def bring(self, delivery: Delivery) -> Outcome:
        """What came of one try; where it was the last one, the dead letter is in the queue for it, if there is one."""
        outcome = self._tried(delivery)
        if outcome.error is None:
            return outcome
        wait = None if outcome.final else self._wait(delivery)
        if wait is not None or delivery.dead_letter_arn is None:
            return replace(outcome, wait=wait)
        return self._moved(delivery, delivery.dead_letter_arn, outcome)

    def _tried(self, delivery: Delivery) -> Outcome:
        try:
            if delivery.protocol in WEB:
                return self._post(delivery)
            return self._hand_over(delivery)
        except DeliveryFailed as error:
            return Outcome(None, str(error), final=False)
        except AwsFailed as error:
            return Outcome(error.code, str(error), error.final)
        except Exception as error:
            # A message that cannot be built must not be tried for ever: it counts like a receiver that fails.
            log.exception("delivery_broke", message_id=delivery.notification.id)
            return Outcome(None, f"{type(error).__name__}: {error}", final=False)

    def _post(self, delivery: Delivery) -> Outcome:
        content = self._content(delivery)
        fields = headers(delivery)
        if delivery.raw:
            signed = (delivery.subscription_arn, delivery.notification.id, content, self.now())
            fields = {**fields, **signature_headers(self.secret_keys, *signed)}
        return judge(self.webhooks.post(delivery.endpoint, fields, content))

    def _hand_over(self, delivery: Delivery) -> Outcome:
        if delivery.protocol == ELSEWHERE:
            publish(self.aws, delivery.notification)
        else:
            attributes = delivery.notification.attributes if delivery.raw else {}
            content = self._content(delivery).decode()
            put(self.aws, delivery.endpoint, delivery.account, content, attributes)
        return Outcome(200, None, final=False)

    def _content(self, delivery: Delivery) -> bytes:
        if delivery.raw:
            return delivery.notification.text_for(delivery.protocol).encode()
        message = envelope(delivery.notification, delivery.subscription_arn, delivery.protocol, self.links)
        return body(self.signer.signed(message, delivery.version))

    def _wait(self, delivery: Delivery) -> timedelta | None:
        policy = delivery.policy.retry if delivery.protocol in WEB else QUEUE_RETRY
        seed = f"{delivery.notification.id}|{delivery.subscription_arn}"
        return policy.delay(delivery.attempts + 1, seed)

    def _moved(self, delivery: Delivery, arn: str, outcome: Outcome) -> Outcome:
        """Puts the dead letter into its queue; where that fails too it is kept here."""
        told = error_attributes(delivery.notification.id, str(outcome.code or ""), outcome.error or "")
        own: Mapping[str, Mapping[str, str]] = delivery.notification.attributes if delivery.raw else {}
        attributes = {**told, **own} if len(own) + len(told) <= MAX_ATTRIBUTES else own
        try:
            put(self.aws, arn, delivery.account, self._content(delivery).decode(), attributes)
        except Exception as error:
            log.warning("dead_letter_kept", message_id=delivery.notification.id, queue=arn, reason=str(error))
            return replace(outcome, error=f"{outcome.error}; the queue of dead letters {arn}: {error}")
        return replace(outcome, moved=True)


def headers(delivery: Delivery) -> Mapping[str, str]:
    """The headers of a delivery, as SNS sends them."""
    notification = delivery.notification
    confirming = notification.kind is Kind.SUBSCRIPTION_CONFIRMATION
    return {
        "x-amz-sns-message-type": notification.kind.value,
        "x-amz-sns-message-id": notification.id,
        "x-amz-sns-topic-arn": notification.topic_arn,
        **({} if confirming else {"x-amz-sns-subscription-arn": delivery.subscription_arn}),
        **({"x-amz-sns-rawdelivery": "true"} if delivery.raw else {}),
        "Content-Type": delivery.policy.content_type,
        "User-Agent": AGENT,
    }
