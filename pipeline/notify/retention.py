"""What of the notifications is forgotten in time."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select

from pipeline.notify.outbox import DeliveryState, SubscriptionState
from pipeline.store.notify_schema import deliveries, notifications, subscriptions


def forget(connection: Connection, now: datetime, retention: timedelta) -> None:
    """Deletes notifications that everybody got `retention` ago, and subscriptions that nobody confirmed or restored in time.

    What could not be delivered stays, so that it can be sent again.
    """
    wanted = subscriptions.c.state == SubscriptionState.CONFIRMED
    connection.execute(delete(subscriptions).where(~wanted, subscriptions.c.token_expires_at <= now))
    orphaned = deliveries.c.subscription_arn.not_in(select(subscriptions.c.arn))
    connection.execute(delete(deliveries).where(deliveries.c.state == DeliveryState.PENDING, orphaned))
    kept = select(deliveries.c.notification_id).where(deliveries.c.state != DeliveryState.DELIVERED)
    old = notifications.c.created_at < now - retention
    connection.execute(delete(notifications).where(old, notifications.c.id.not_in(kept)))
