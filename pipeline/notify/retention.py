"""What of the notifications is forgotten in time."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, delete, or_, select

from pipeline.notify.outbox import ELSEWHERE
from pipeline.notify.states import DeliveryState, SubscriptionState
from pipeline.store.notify_schema import deliveries, notifications, subscriptions


def forget(
    connection: Connection, now: datetime, retention: timedelta, dead_retention: timedelta | None = None
) -> None:
    """Deletes notifications that everybody got `retention` ago, and subscriptions that nobody confirmed or restored in time.

    What could not be delivered stays for `dead_retention`, None: for ever, so that it can be sent again.
    """
    wanted = subscriptions.c.state == SubscriptionState.CONFIRMED
    connection.execute(delete(subscriptions).where(~wanted, subscriptions.c.token_expires_at <= now))
    orphaned = deliveries.c.subscription_arn.not_in(select(subscriptions.c.arn))
    here = deliveries.c.protocol != ELSEWHERE
    connection.execute(delete(deliveries).where(deliveries.c.state == DeliveryState.PENDING, orphaned, here))
    if dead_retention is not None:
        dead = and_(deliveries.c.state == DeliveryState.DEAD, deliveries.c.settled_at < now - dead_retention)
        connection.execute(delete(deliveries).where(dead))
    open_ = or_(deliveries.c.state == DeliveryState.PENDING, deliveries.c.state == DeliveryState.DEAD)
    kept = select(deliveries.c.notification_id).where(open_)
    old = notifications.c.created_at < now - retention
    connection.execute(delete(notifications).where(old, notifications.c.id.not_in(kept)))
