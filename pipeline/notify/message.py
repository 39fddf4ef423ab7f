"""What subscribers read: the completion message of a job and the SNS envelope around any message."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from pipeline.jobs.types import OPEN_JOBS, Job

COMPLETION = re.compile(r'^\{"JobId":"([0-9a-f]{64})"')
"""How `completion` begins."""


class Kind(StrEnum):
    """Type of an SNS message."""

    NOTIFICATION = "Notification"
    SUBSCRIPTION_CONFIRMATION = "SubscriptionConfirmation"
    UNSUBSCRIBE_CONFIRMATION = "UnsubscribeConfirmation"


def completion(job: Job) -> str:
    """The message that announces a finished job.

    Raises:
        ValueError: the job is not finished.

    Source: Amazon Rekognition Developer Guide, "Calling Amazon Rekognition Video operations"; `Timestamp` is in milliseconds.
    """
    if job.state in OPEN_JOBS or job.finished_at is None:
        raise ValueError(f"job {job.id} is {job.state}, not finished")
    message: dict[str, Any] = {"JobId": job.id, "Status": job.state.wire, "API": f"Start{job.operation}"}
    if job.job_tag is not None:
        message["JobTag"] = job.job_tag
    message["Timestamp"] = round(job.finished_at.timestamp() * 1000)
    message["Video"] = {"S3ObjectName": job.video.name, "S3Bucket": job.video.bucket}
    return json.dumps(message, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Notification:
    """A message on its way to one subscription.

    Attributes:
        id: MessageId, the same for every subscription and every try.
        kind: Type of the message.
        topic_arn: The topic it was published to.
        message: What was published; for confirmations, the text for the operator.
        created_at: When it was published.
        subject: Subject; None: absent.
        structure: "json" where `message` holds one text per protocol.
        attributes: MessageAttributes as the envelope shows them.
        token: Token of a confirmation.
    """

    id: str
    kind: Kind
    topic_arn: str
    message: str
    created_at: datetime
    subject: str | None = None
    structure: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    token: str | None = None

    def text_for(self, protocol: str) -> str:
        """The message as a subscription of `protocol` gets it."""
        return text_for(self.message, self.structure, protocol)


def jobs_of(notification: Notification) -> list[str]:
    """The job whose end is announced, if that is what the message is."""
    return COMPLETION.findall(notification.message)[:1]


def text_for(message: str, structure: str | None, protocol: str) -> str:
    """What a subscription of `protocol` gets of a message; with structure "json" it holds one text per protocol."""
    if structure != "json":
        return message
    texts = json.loads(message)
    return str(texts.get(protocol, texts["default"]))


@dataclass(frozen=True, slots=True)
class Links:
    """Bases of the URLs inside messages.

    Attributes:
        actions: Of SubscribeURL and UnsubscribeURL.
        certificates: Of SigningCertURL.
    """

    actions: str
    certificates: str

    def confirm(self, topic_arn: str, token: str) -> str:
        """Where a GET confirms the subscription that `token` was sent to."""
        query = {"Action": "ConfirmSubscription", "TopicArn": topic_arn, "Token": token}
        return f"{self.actions}/?{urlencode(query, safe=':')}"

    def unsubscribe(self, subscription_arn: str) -> str:
        """Where a GET ends the subscription."""
        query = {"Action": "Unsubscribe", "SubscriptionArn": subscription_arn}
        return f"{self.actions}/?{urlencode(query, safe=':')}"


def invitation(kind: Kind, topic_arn: str, subscription_arn: str) -> str:
    """The text of a confirmation, worded as SNS does."""
    if kind is Kind.SUBSCRIPTION_CONFIRMATION:
        chosen = f"You have chosen to subscribe to the topic {topic_arn}."
        return f"{chosen}\nTo confirm the subscription, visit the SubscribeURL included in this message."
    chosen = f"You have chosen to deactivate subscription {subscription_arn}."
    return f"{chosen}\nTo cancel this operation and restore the subscription, visit the SubscribeURL included in this message."


def envelope(notification: Notification, subscription_arn: str, protocol: str, links: Links) -> dict[str, Any]:
    """The SNS message without its signature, members in the order of SNS."""
    if notification.kind is not Kind.NOTIFICATION:
        return _confirmation(notification, links)
    subject = {} if notification.subject is None else {"Subject": notification.subject}
    attributes = {"MessageAttributes": dict(notification.attributes)} if notification.attributes else {}
    return {
        "Type": notification.kind.value,
        "MessageId": notification.id,
        "TopicArn": notification.topic_arn,
        **subject,
        "Message": notification.text_for(protocol),
        "Timestamp": timestamp(notification.created_at),
        "UnsubscribeURL": links.unsubscribe(subscription_arn),
        **attributes,
    }


def _confirmation(notification: Notification, links: Links) -> dict[str, Any]:
    assert notification.token is not None, "a confirmation carries a token"
    return {
        "Type": notification.kind.value,
        "MessageId": notification.id,
        "Token": notification.token,
        "TopicArn": notification.topic_arn,
        "Message": notification.message,
        "SubscribeURL": links.confirm(notification.topic_arn, notification.token),
        "Timestamp": timestamp(notification.created_at),
    }


def timestamp(moment: datetime) -> str:
    """The moment as SNS writes it, in UTC with milliseconds, for example 2012-05-02T00:54:06.655Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def body(message: Mapping[str, Any]) -> bytes:
    """The message as it is posted: JSON spaced as SNS does, UTF-8."""
    return json.dumps(message, indent=2, separators=(",", " : "), ensure_ascii=False).encode()
