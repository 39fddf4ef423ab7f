"""Fan-out: which subscriptions get a notification."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, insert, literal, select

from pipeline.notify.states import DeliveryState, SubscriptionState
from pipeline.store.notify_schema import deliveries, subscriptions


def address_subscribers(
    connection: Connection, account: str, topic_arn: str, notification_id: str, now: datetime
) -> None:
    """One delivery of the notification for every confirmed subscription of the account's topic."""
    live = and_(
        subscriptions.c.topic_arn == topic_arn,
        subscriptions.c.account == account,
        subscriptions.c.state == SubscriptionState.CONFIRMED,
    )
    _address(connection, notification_id, now, live)


def address_one(connection: Connection, subscription_arn: str, notification_id: str, now: datetime) -> None:
    """One delivery of the notification for the subscription, whatever its state."""
    _address(connection, notification_id, now, subscriptions.c.arn == subscription_arn)


def _address(connection: Connection, notification_id: str, now: datetime, whom: ColumnElement[bool]) -> None:
    """One delivery per subscription, made inside the database however many there are."""
    columns = {
        "notification_id": literal(notification_id),
        "subscription_arn": subscriptions.c.arn,
        "protocol": subscriptions.c.protocol,
        "endpoint": subscriptions.c.endpoint,
        "state": literal(DeliveryState.PENDING.value),
        "claims": literal(0),
        "attempts": literal(0),
        "next_at": literal(now, deliveries.c.next_at.type),
    }
    connection.execute(insert(deliveries).from_select(list(columns), select(*columns.values()).where(whom)))
