"""Deliveries as the operator sees them: which there are, which are dead, and sending those again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select, tuple_, update

from pipeline.notify.endpoints import without_password
from pipeline.notify.message import Kind
from pipeline.notify.outbox import ELSEWHERE
from pipeline.notify.states import DeliveryState, SubscriptionState
from pipeline.store.notify_schema import deliveries, notifications, subscriptions, topics

Key = tuple[str, str]
"""MessageId and SubscriptionArn."""


@dataclass(frozen=True, slots=True)
class Which:
    """Which deliveries are meant; None: whatever it is.

    Attributes:
        state: Where they are.
        account: Owner of the topic.
        topic_arn: The topic.
        subscription_arn: The subscription.
        message_id: The message.
        since: Published at this moment or later.
    """

    state: DeliveryState | None = None
    account: str | None = None
    topic_arn: str | None = None
    subscription_arn: str | None = None
    message_id: str | None = None
    since: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """As conditions on deliveries joined with notifications."""
        wanted = [
            (deliveries.c.state, self.state),
            (notifications.c.account, self.account),
            (notifications.c.topic_arn, self.topic_arn),
            (deliveries.c.subscription_arn, self.subscription_arn),
            (deliveries.c.notification_id, self.message_id),
        ]
        chosen = [column == value for column, value in wanted if value is not None]
        return [*chosen, *([] if self.since is None else [notifications.c.created_at >= self.since])]


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """One delivery.

    Attributes:
        facts: Columns of the delivery and its notification, without the token.
        gone: Why it cannot be sent again; None: it can.
    """

    facts: Mapping[str, Any]
    gone: str | None

    @property
    def key(self) -> Key:
        """What identifies it."""
        return self.facts["notification_id"], self.facts["subscription_arn"]


def listed(connection: Connection, which: Which, limit: int) -> Sequence[DeliveryView]:
    """The newest deliveries first."""
    query = (
        _views().where(*which.conditions()).order_by(notifications.c.created_at.desc(), deliveries.c.subscription_arn)
    )
    return [_view(row) for row in connection.execute(query.limit(limit)).mappings()]


def dead_after(connection: Connection, which: Which, after: Key, limit: int) -> Sequence[DeliveryView]:
    """Dead deliveries behind `after`, in the order of their keys, so that a long list can be gone through in steps."""
    key = tuple_(deliveries.c.notification_id, deliveries.c.subscription_arn)
    query = _views().where(*which.conditions(), deliveries.c.state == DeliveryState.DEAD, key > tuple_(*after))
    ordered = query.order_by(deliveries.c.notification_id, deliveries.c.subscription_arn)
    return [_view(row) for row in connection.execute(ordered.limit(limit)).mappings()]


def redrive(connection: Connection, keys: Sequence[Key], now: datetime) -> int:
    """How many of these dead deliveries are to be tried again from now on, with all their retries, under their old MessageId.

    Others are left as they are: whoever asks twice sends once.
    """
    key = tuple_(deliveries.c.notification_id, deliveries.c.subscription_arn)
    again = {
        "state": DeliveryState.PENDING.value,
        "attempts": 0,
        "next_at": now,
        "lease_until": None,
        "settled_at": None,
    }
    dead = deliveries.c.state == DeliveryState.DEAD
    return connection.execute(update(deliveries).where(key.in_(keys), dead).values(again)).rowcount if keys else 0


def counts(connection: Connection, which: Which) -> Mapping[str, int]:
    """State -> number of deliveries."""
    query = (
        select(deliveries.c.state, func.count())
        .join_from(deliveries, notifications, notifications.c.id == deliveries.c.notification_id)
        .where(*which.conditions())
        .group_by(deliveries.c.state)
    )
    found = {row[0]: row[1] for row in connection.execute(query)}
    return {state.value: found.get(state, 0) for state in DeliveryState}


def oldest_due(connection: Connection) -> datetime | None:
    """Since when the oldest delivery has been due that nobody has tried or settled; None: there is none."""
    moment: datetime | None = connection.execute(
        select(func.min(deliveries.c.next_at)).where(deliveries.c.state == DeliveryState.PENDING)
    ).scalar()
    return moment


def failing(connection: Connection, limit: int) -> Sequence[Mapping[str, Any]]:
    """Subscriptions whose last deliveries failed, the worst first, with the number of their dead letters."""
    dead = and_(deliveries.c.subscription_arn == subscriptions.c.arn, deliveries.c.state == DeliveryState.DEAD)
    query = (
        select(
            subscriptions.c.arn,
            subscriptions.c.endpoint,
            subscriptions.c.failures,
            func.count(deliveries.c.notification_id).label("dead"),
        )
        .join_from(subscriptions, deliveries, dead, isouter=True)
        .where(subscriptions.c.failures > 0)
        .group_by(subscriptions.c.arn, subscriptions.c.endpoint, subscriptions.c.failures)
        .order_by(subscriptions.c.failures.desc(), subscriptions.c.arn)
        .limit(limit)
    )
    found = connection.execute(query).mappings()
    return [{**row, "endpoint": without_password(row["endpoint"])} for row in found]


def _views() -> Select[Any]:
    columns = [column for column in deliveries.c if column.name not in {"claims"}]
    told = ("kind", "account", "topic_arn", "subject", "message", "created_at")
    return (
        select(
            *columns,
            *(notifications.c[name] for name in told),
            subscriptions.c.state.label("subscription_state"),
            topics.c.arn.label("topic"),
        )
        .join_from(deliveries, notifications, notifications.c.id == deliveries.c.notification_id)
        .join(subscriptions, subscriptions.c.arn == deliveries.c.subscription_arn, isouter=True)
        .join(topics, topics.c.arn == notifications.c.topic_arn, isouter=True)
    )


def _view(row: Mapping[Any, Any]) -> DeliveryView:
    facts = {name: value for name, value in row.items() if name not in {"subscription_state", "topic"}}
    return DeliveryView(facts, _gone(row))


def _gone(row: Mapping[Any, Any]) -> str | None:
    state = row["subscription_state"]
    if row["protocol"] == ELSEWHERE:
        return None
    if row["topic"] is None:
        return "its topic is gone"
    if state is None:
        return "its subscription is gone"
    confirming = row["kind"] != Kind.NOTIFICATION
    if confirming and state == SubscriptionState.CONFIRMED:
        return "its subscription was confirmed meanwhile"
    if not confirming and state != SubscriptionState.CONFIRMED:
        return "its subscription was ended"
    return None
