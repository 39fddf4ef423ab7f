"""Fan-out: which subscriptions get a notification."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, literal, or_, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from pipeline.notify.filter_policy import stored_policy
from pipeline.notify.filtering import Message
from pipeline.notify.message import text_for
from pipeline.notify.states import DeliveryState, SubscriptionState
from pipeline.store.notify_schema import deliveries, subscriptions, topics

BATCH = 50
"""Distinct policies that are in memory at a time; each may have 256 KiB."""

Group = tuple[str, str]
"""Subscriptions that a message is decided for at once: those with one policy and one protocol."""


def address_subscribers(connection: Connection, notification: Mapping[str, Any], now: datetime) -> None:
    """One delivery for every confirmed subscription of the topic whose filter policy wants the notification.

    However many subscriptions there are, the deliveries are made inside the database; only distinct policies are read.

    Args:
        connection: The transaction that wrote the notification.
        notification: Its columns.
        now: When the deliveries are due.
    """
    _hold_policies(connection, notification["topic_arn"])
    live = and_(
        subscriptions.c.topic_arn == notification["topic_arn"],
        subscriptions.c.account == notification["account"],
        subscriptions.c.state == SubscriptionState.CONFIRMED,
    )
    whom = and_(live, subscriptions.c.filter_hash.is_(None))
    for wanted in _wanted_groups(connection, notification, live):
        group = tuple_(subscriptions.c.filter_hash, subscriptions.c.protocol)
        _address(connection, notification["id"], now, and_(live, group.in_(wanted)))
    _address(connection, notification["id"], now, whom)


def address_one(connection: Connection, subscription_arn: str, notification_id: str, now: datetime) -> None:
    """One delivery of the notification for the subscription, whatever its state."""
    _address(connection, notification_id, now, subscriptions.c.arn == subscription_arn)


def _hold_policies(connection: Connection, topic_arn: str) -> None:
    """No policy changes between the statements of a fan-out: whoever changes one locks the topic."""
    connection.execute(select(topics.c.arn).where(topics.c.arn == topic_arn).with_for_update(read=True))


def _wanted_groups(
    connection: Connection, notification: Mapping[str, Any], live: ColumnElement[bool]
) -> Iterator[Sequence[Group]]:
    """Batches of the groups that want the notification."""
    verdicts = _Verdicts(notification)
    last: Group = ("", "")
    while batch := _groups(connection, live, last):
        last = (batch[-1]["filter_hash"], batch[-1]["protocol"])
        wanted = [(one["filter_hash"], one["protocol"]) for one in batch if verdicts.wanted(one)]
        if wanted:
            yield wanted


def _groups(connection: Connection, live: ColumnElement[bool], last: Group) -> Sequence[Mapping[Any, Any]]:
    """The next groups, each with the attributes of one of its subscriptions: the policy is the same in all."""
    key = (subscriptions.c.filter_hash, subscriptions.c.protocol)
    # Row values would read better, but not every SQLite compares them with an index.
    behind = or_(key[0] > last[0], and_(key[0] == last[0], key[1] > last[1]))
    firsts = (
        select(func.min(subscriptions.c.arn).label("arn"))
        .where(live, subscriptions.c.filter_hash.is_not(None), behind)
        .group_by(*key)
        .order_by(*key)
        .limit(BATCH)
        .subquery()
    )
    query = select(*key, subscriptions.c.attributes).join_from(
        subscriptions, firsts, firsts.c.arn == subscriptions.c.arn
    )
    return connection.execute(query.order_by(*key)).mappings().all()


class _Verdicts:
    """What policies say to a notification, whose text may differ from protocol to protocol.

    Each distinct policy is held against each text once: groups come in the order of policies.
    """

    def __init__(self, notification: Mapping[str, Any]) -> None:
        self._notification = notification
        self._texts: dict[str, str] = {}
        self._messages: dict[str, Message] = {}
        self._last = ("", "", False)

    def wanted(self, group: Mapping[Any, Any]) -> bool:
        """Whether the policy of the group wants the text that its protocol gets."""
        digest, text = group["filter_hash"], self._text(group["protocol"])
        if self._last[:2] != (digest, text):
            self._last = (digest, text, self._message(text).wanted(stored_policy(group["attributes"])))
        return self._last[2]

    def _text(self, protocol: str) -> str:
        if protocol not in self._texts:
            values = self._notification
            self._texts[protocol] = text_for(values["message"], values.get("structure"), protocol)
        return self._texts[protocol]

    def _message(self, text: str) -> Message:
        if text not in self._messages:
            self._messages[text] = Message(text, self._notification["attributes"])
        return self._messages[text]


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
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    rows = select(*columns.values()).where(whom)
    connection.execute(insert(deliveries).from_select(list(columns), rows).on_conflict_do_nothing())
