"""The outbox: a notification is written in the transaction of its cause and delivered later, once per subscription."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, get_args

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, literal, or_, select, tuple_, update

from pipeline.notify.fanout import address_one, address_subscribers
from pipeline.notify.message import Kind, Notification, invitation
from pipeline.notify.signing import Version
from pipeline.notify.states import DeliveryState, SubscriptionState
from pipeline.store.insertion import insert_new
from pipeline.store.notify_schema import deliveries, notifications, subscriptions, topics

__all__ = ["Delivery", "DeliveryState", "Lane", "Outbox", "SubscriptionState", "anything_due", "drop_undelivered"]


class Lane(StrEnum):
    """PROVEN: deliveries to confirmed subscribers whose last delivery worked. They never wait for the OTHERS."""

    PROVEN = "PROVEN"
    OTHERS = "OTHERS"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification for one subscription, held under a lease.

    Attributes:
        subscription_arn: Whom it is for.
        protocol: http or https.
        endpoint: Where to post it.
        claims: How often it was taken; only the latest taker may settle it.
        attempts: Tries that failed before.
        version: SignatureVersion of the topic.
        notification: What to deliver.
    """

    subscription_arn: str
    protocol: str
    endpoint: str
    claims: int
    attempts: int
    version: Version
    notification: Notification


class Outbox:
    """Notifications and their deliveries; every method works inside the caller's transaction."""

    def add(
        self,
        connection: Connection,
        account: str,
        topic_arn: str,
        message: str,
        now: datetime,
        *,
        dedupe_key: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> str | None:
        """MessageId of a new notification for all confirmed subscriptions; None where `dedupe_key` was used before.

        Args:
            connection: The transaction in which what is announced becomes true.
            account: Owner of the topic.
            topic_arn: The topic; unknown ones have no subscribers.
            message: The text.
            now: This moment.
            dedupe_key: Names the event, at most 200 characters, for example "<job id>:SUCCEEDED".
            extra: Columns subject, structure and attributes of what was published by `Publish`.
        """
        values = _row(account, topic_arn, Kind.NOTIFICATION, message, now) | {"dedupe_key": dedupe_key, **(extra or {})}
        if not insert_new(connection, notifications, values):
            return None
        address_subscribers(connection, account, topic_arn, values["id"], now)
        return str(values["id"])

    def invite(self, connection: Connection, subscription: Mapping[Any, Any], kind: Kind, now: datetime) -> str:
        """MessageId of a new confirmation message for one subscription, in place of earlier ones under way."""
        drop_undelivered(connection, subscription["arn"])
        text = invitation(kind, subscription["topic_arn"], subscription["arn"])
        values = _row(subscription["account"], subscription["topic_arn"], kind, text, now)
        connection.execute(insert(notifications).values(values | {"token": subscription["token"]}))
        address_one(connection, subscription["arn"], values["id"], now)
        return str(values["id"])

    def due(self, connection: Connection, now: datetime, lane: Lane, count: int) -> Sequence[tuple[str, str]]:
        """Keys of deliveries that could be claimed: one per subscription, none where one is under way."""
        flying = select(deliveries.c.subscription_arn).where(_pending(), deliveries.c.lease_until > now)
        place = func.row_number().over(
            partition_by=deliveries.c.subscription_arn, order_by=(deliveries.c.next_at, deliveries.c.notification_id)
        )
        proven = and_(subscriptions.c.state == SubscriptionState.CONFIRMED, subscriptions.c.failures == 0)
        waiting = (
            select(
                deliveries.c.notification_id, deliveries.c.subscription_arn, deliveries.c.next_at, place.label("place")
            )
            .join_from(deliveries, subscriptions, subscriptions.c.arn == deliveries.c.subscription_arn)
            .where(_free(now), proven if lane is Lane.PROVEN else ~proven, deliveries.c.subscription_arn.not_in(flying))
            .subquery()
        )
        first = select(waiting.c.notification_id, waiting.c.subscription_arn).where(waiting.c.place == 1)
        return [(row[0], row[1]) for row in connection.execute(first.order_by(waiting.c.next_at).limit(count))]

    def claim(
        self, connection: Connection, keys: Sequence[tuple[str, str]], now: datetime, lease: timedelta
    ) -> Sequence[Delivery]:
        """The deliveries of `keys` that nobody else took meanwhile, now held by the caller."""
        claimed = connection.execute(
            update(deliveries)
            .where(tuple_(deliveries.c.notification_id, deliveries.c.subscription_arn).in_(keys), _free(now))
            .values(lease_until=now + lease, claims=deliveries.c.claims + 1)
            .returning(deliveries)
        ).mappings()
        rows = list(claimed)
        known = _notifications(connection, {row["notification_id"] for row in rows})
        return [_delivery(row, *known[row["notification_id"]]) for row in rows]

    def settle(self, connection: Connection, delivery: Delivery, values: Mapping[str, Any], *, failed: bool) -> bool:
        """Whether the outcome was written; False where another took the delivery meanwhile, or its subscription ended."""
        written = connection.execute(
            update(deliveries)
            .where(
                deliveries.c.notification_id == delivery.notification.id,
                deliveries.c.subscription_arn == delivery.subscription_arn,
                deliveries.c.claims == delivery.claims,
                _pending(),
            )
            .values(lease_until=None, attempts=delivery.attempts + 1, **values)
        )
        if written.rowcount != 1:
            return False
        failures = subscriptions.c.failures + 1 if failed else literal(0)
        mine = subscriptions.c.arn == delivery.subscription_arn
        connection.execute(update(subscriptions).where(mine).values(failures=failures))
        return True


def anything_due(connection: Connection, now: datetime) -> bool:
    """Whether a wake-up of the deliverers would find work."""
    addressed = deliveries.join(subscriptions, subscriptions.c.arn == deliveries.c.subscription_arn)
    return connection.execute(select(literal(1)).select_from(addressed).where(_free(now)).limit(1)).first() is not None


def drop_undelivered(connection: Connection, subscription_arn: str) -> None:
    """Forgets what is still to be delivered to a subscription."""
    connection.execute(delete(deliveries).where(deliveries.c.subscription_arn == subscription_arn, _pending()))


def _pending() -> ColumnElement[bool]:
    return deliveries.c.state == DeliveryState.PENDING


def _free(now: datetime) -> ColumnElement[bool]:
    """Due, and under no living lease."""
    unheld = or_(deliveries.c.lease_until.is_(None), deliveries.c.lease_until <= now)
    return and_(_pending(), deliveries.c.next_at <= now, unheld)


def _row(account: str, topic_arn: str, kind: Kind, message: str, now: datetime) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "account": account,
        "topic_arn": topic_arn,
        "kind": kind.value,
        "message": message,
        "attributes": {},
        "created_at": now,
    }


def _notifications(connection: Connection, ids: set[str]) -> Mapping[str, tuple[Notification, Version]]:
    query = (
        select(notifications, topics.c.attributes.label("topic_attributes"))
        .join_from(notifications, topics, topics.c.arn == notifications.c.topic_arn, isouter=True)
        .where(notifications.c.id.in_(ids))
    )
    return {row["id"]: (_notification(row), _version(row)) for row in connection.execute(query).mappings()}


def _notification(row: Mapping[Any, Any]) -> Notification:
    return Notification(
        id=row["id"],
        kind=Kind(row["kind"]),
        topic_arn=row["topic_arn"],
        message=row["message"],
        created_at=row["created_at"],
        subject=row["subject"],
        structure=row["structure"],
        attributes=row["attributes"],
        token=row["token"],
    )


def _version(row: Mapping[Any, Any]) -> Version:
    version: Version = (row["topic_attributes"] or {}).get("SignatureVersion", "1")
    assert version in get_args(Version), "checked where it was set"
    return version


def _delivery(row: Mapping[Any, Any], notification: Notification, version: Version) -> Delivery:
    return Delivery(
        subscription_arn=row["subscription_arn"],
        protocol=row["protocol"],
        endpoint=row["endpoint"],
        claims=row["claims"],
        attempts=row["attempts"],
        version=version,
        notification=notification,
    )
