"""Topics that are elsewhere: a completion becomes one call of their Publish."""

from typing import Any

from pipeline.notify.aws import AwsClients
from pipeline.notify.message import Notification
from pipeline.notify.queues import value_of


def publish(clients: AwsClients, notification: Notification) -> None:
    """Publishes the notification to its own topic, where the operator's setting says that the account's topics are.

    Raises:
        AwsFailed: the topic did not take it.
    """
    _, _, _, region, account, _ = notification.topic_arn.split(":", 5)
    members: dict[str, Any] = {"TopicArn": notification.topic_arn, "Message": notification.message}
    if notification.subject is not None:
        members["Subject"] = notification.subject
    if notification.structure is not None:
        members["MessageStructure"] = notification.structure
    if notification.attributes:
        members["MessageAttributes"] = {name: value_of(one) for name, one in notification.attributes.items()}
    clients.call("sns", account, region, "publish", **members)
