"""The outbox: a notification is written in the transaction of its cause and delivered later, once per subscription."""

import re
import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, insert, literal, or_, select, tuple_, update

from pipeline.notify.due import anything_due, candidates, free, pending
from pipeline.notify.fanout import address_one, address_subscribers
from pipeline.notify.held import Delivery
from pipeline.notify.message import Kind, Notification, invitation
from pipeline.notify.states import DeliveryState, Lane, SubscriptionState
from pipeline.store.insertion import insert_new
from pipeline.store.notify_schema import deliveries, notifications, subscriptions, topics

WEB = frozenset({"http", "https"})
ELSEWHERE = "sns"
"""Protocol of deliveries to topics elsewhere; nobody can subscribe with it."""
TOPIC_ARN = r"arn:aws(?:-[a-z-]{1,20})?:sns:[a-z0-9-]{1,32}:[0-9]{12}:[A-Za-z0-9_-]{1,256}"

__all__ = ["Delivery", "DeliveryState", "Lane", "Outbox", "SubscriptionState", "anything_due", "drop_undelivered"]


class Outbox:
    """Notifications and their deliveries; every method works inside the caller's transaction."""

    def __init__(self, elsewhere: Collection[str] = frozenset()) -> None:
        """An outbox that sends what the accounts in `elsewhere` publish to topics that are not here to those at AWS."""
        self._elsewhere = elsewhere

    def is_elsewhere(self, account: str, topic_arn: str) -> bool:
        """Whether the ARN may be one of the account's topics at AWS."""
        return (
            account in self._elsewhere
            and re.fullmatch(TOPIC_ARN, topic_arn) is not None
            and topic_arn.split(":")[4] == account
        )

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
        if self.is_elsewhere(account, topic_arn) and not _is_here(connection, topic_arn):
            _send_elsewhere(connection, topic_arn, values["id"], now)
        else:
            address_subscribers(connection, values, now)
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
        return [(one.notification_id, one.subscription_arn) for one in candidates(connection, now, lane, count)]

    def claim(
        self, connection: Connection, keys: Sequence[tuple[str, str]], now: datetime, lease: timedelta
    ) -> Sequence[Delivery]:
        """The deliveries of `keys` that nobody else took meanwhile, now held by the caller.

        What a bounded rate does not allow yet is let go; what is for nobody any more is forgotten.
        """
        key = tuple_(deliveries.c.notification_id, deliveries.c.subscription_arn)
        # Locked in no order but skipped where another holds them, so that processes never wait for one another here.
        wanted = select(deliveries.c.notification_id, deliveries.c.subscription_arn).where(key.in_(keys), free(now))
        claimed = connection.execute(
            update(deliveries)
            .where(key.in_(wanted.with_for_update(skip_locked=True)))
            .values(lease_until=now + lease, claims=deliveries.c.claims + 1)
            .returning(deliveries)
        ).mappings()
        # Everybody who writes subscriptions does so in the order of their ARNs: nobody waits in a circle.
        rows = sorted(claimed, key=lambda row: str(row["subscription_arn"]))
        known = _notifications(connection, {row["notification_id"] for row in rows})
        takers = _subscriptions(connection, {row["subscription_arn"] for row in rows})
        found = []
        for row in rows:
            taker = takers.get(row["subscription_arn"]) or _elsewhere(row)
            if taker is None:
                connection.execute(delete(deliveries).where(*_key(row["notification_id"], row["subscription_arn"])))
                continue
            delivery = _delivery(row, taker, *known[row["notification_id"]])
            if _may_begin(connection, delivery, now):
                found.append(delivery)
            else:
                mine = _key(row["notification_id"], row["subscription_arn"])
                connection.execute(update(deliveries).where(*mine).values(lease_until=None))
        return found

    def settle(self, connection: Connection, delivery: Delivery, values: Mapping[str, Any], *, failed: bool) -> bool:
        """Whether the outcome was written; False where another took the delivery meanwhile, or its subscription ended."""
        written = connection.execute(
            update(deliveries)
            .where(
                *_key(delivery.notification.id, delivery.subscription_arn),
                deliveries.c.claims == delivery.claims,
                pending(),
            )
            .values(lease_until=None, attempts=delivery.attempts + 1, **values)
        )
        if written.rowcount != 1:
            return False
        if failed or delivery.failures:
            failures = subscriptions.c.failures + 1 if failed else literal(0)
            mine = subscriptions.c.arn == delivery.subscription_arn
            connection.execute(update(subscriptions).where(mine).values(failures=failures))
        return True

    def settle_delivered(
        self, connection: Connection, held: Sequence[Delivery], code: int | None, now: datetime
    ) -> set[tuple[str, str]]:
        """Keys of those that are now written as delivered; their subscriptions had not failed before."""
        key = tuple_(deliveries.c.notification_id, deliveries.c.subscription_arn, deliveries.c.claims)
        mine = [(one.notification.id, one.subscription_arn, one.claims) for one in held]
        values = {"state": DeliveryState.DELIVERED.value, "last_code": code, "last_error": None, "settled_at": now}
        written = connection.execute(
            update(deliveries)
            .where(key.in_(mine), pending())
            .values(lease_until=None, attempts=deliveries.c.attempts + 1, **values)
            .returning(deliveries.c.notification_id, deliveries.c.subscription_arn)
        )
        return {(row[0], row[1]) for row in written}


def drop_undelivered(connection: Connection, subscription_arn: str) -> None:
    """Forgets what is still to be delivered to a subscription."""
    connection.execute(delete(deliveries).where(deliveries.c.subscription_arn == subscription_arn, pending()))


def _key(notification_id: str, subscription_arn: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return deliveries.c.notification_id == notification_id, deliveries.c.subscription_arn == subscription_arn


def _may_begin(connection: Connection, delivery: Delivery, now: datetime) -> bool:
    """Whether the rate of the subscription allows a delivery now; the next one then has to wait, whichever process wants it."""
    per_s = delivery.policy.per_s if delivery.protocol in WEB else None
    if per_s is None:
        return True
    idle = or_(subscriptions.c.resume_at.is_(None), subscriptions.c.resume_at <= now)
    mine = subscriptions.c.arn == delivery.subscription_arn
    later = now + timedelta(seconds=1 / per_s)
    return connection.execute(update(subscriptions).where(mine, idle).values(resume_at=later)).rowcount == 1


def _is_here(connection: Connection, topic_arn: str) -> bool:
    return connection.execute(select(literal(1)).where(topics.c.arn == topic_arn)).first() is not None


def _send_elsewhere(connection: Connection, topic_arn: str, notification_id: str, now: datetime) -> None:
    """One delivery to the topic itself: there it finds its subscribers."""
    values = {
        "notification_id": notification_id,
        "subscription_arn": topic_arn,
        "protocol": ELSEWHERE,
        "endpoint": topic_arn,
        "state": DeliveryState.PENDING.value,
        "claims": 0,
        "attempts": 0,
        "next_at": now,
    }
    connection.execute(insert(deliveries).values(values))


def _elsewhere(row: Mapping[Any, Any]) -> Mapping[str, Any] | None:
    """What stands for the subscription of a topic elsewhere."""
    if row["protocol"] != ELSEWHERE:
        return None
    return {"account": row["endpoint"].split(":")[4], "failures": 0, "attributes": {}}


def _subscriptions(connection: Connection, arns: set[str]) -> Mapping[str, Mapping[Any, Any]]:
    wanted = (subscriptions.c.arn, subscriptions.c.account, subscriptions.c.failures, subscriptions.c.attributes)
    rows = connection.execute(select(*wanted).where(subscriptions.c.arn.in_(arns))).mappings()
    return {row["arn"]: row for row in rows}


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


def _notifications(connection: Connection, ids: set[str]) -> Mapping[str, tuple[Notification, Mapping[str, str]]]:
    query = (
        select(notifications, topics.c.attributes.label("topic_attributes"))
        .join_from(notifications, topics, topics.c.arn == notifications.c.topic_arn, isouter=True)
        .where(notifications.c.id.in_(ids))
    )
    rows = connection.execute(query).mappings()
    return {row["id"]: (_notification(row), row["topic_attributes"] or {}) for row in rows}


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


def _delivery(
    row: Mapping[Any, Any],
    taker: Mapping[Any, Any],
    notification: Notification,
    topic_attributes: Mapping[str, str],
) -> Delivery:
    return Delivery(
        subscription_arn=row["subscription_arn"],
        account=taker["account"],
        protocol=row["protocol"],
        endpoint=row["endpoint"],
        claims=row["claims"],
        attempts=row["attempts"],
        held_until=row["lease_until"],
        failures=taker["failures"],
        topic_attributes=topic_attributes,
        attributes=taker["attributes"],
        notification=notification,
    )
