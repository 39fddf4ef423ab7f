"""A delivery that is under way, with all that decides how it goes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from pipeline.notify.message import Kind, Notification
from pipeline.notify.policies import DeliveryPolicy, effective_policy
from pipeline.notify.signing import Version


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification for one subscription, held under a lease.

    Attributes:
        subscription_arn: Whom it is for; of a topic elsewhere the topic.
        account: Owner of the subscription.
        protocol: http, https, sqs, or sns for a topic elsewhere.
        endpoint: Where it goes: a URL or an ARN.
        claims: How often it was taken; only the latest taker may settle it.
        attempts: Tries that failed before.
        held_until: End of the lease.
        failures: Failures of the subscription in a row.
        topic_attributes: What was set of the topic, wire form.
        attributes: What was set of the subscription, wire form.
        notification: What to deliver.
    """

    subscription_arn: str
    account: str
    protocol: str
    endpoint: str
    claims: int
    attempts: int
    held_until: datetime
    failures: int
    topic_attributes: Mapping[str, str]
    attributes: Mapping[str, str]
    notification: Notification

    @property
    def version(self) -> Version:
        """SignatureVersion of the topic."""
        version: Version = self.topic_attributes.get("SignatureVersion", "1")  # type: ignore[assignment]
        assert version in get_args(Version), "checked where it was set"
        return version

    @property
    def policy(self) -> DeliveryPolicy:
        """What applies to deliveries over http and https."""
        return effective_policy(self.topic_attributes, self.attributes)

    @property
    def raw(self) -> bool:
        """Whether the message goes as it was published; confirmations never do."""
        wanted = self.attributes.get("RawMessageDelivery", "false").lower() == "true"
        return wanted and self.notification.kind is Kind.NOTIFICATION

    @property
    def dead_letter_arn(self) -> str | None:
        """The queue that gets what cannot be delivered."""
        policy: Mapping[str, str] = json.loads(self.attributes.get("RedrivePolicy") or "{}")
        return policy.get("deadLetterTargetArn")
