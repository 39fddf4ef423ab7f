"""Subscriptions: who gets what is published to a topic, after they said that they want it."""

import hashlib
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, distinct, func, select, update

from pipeline.errors import RequestError
from pipeline.notify.filter_policy import filter_hash
from pipeline.notify.message import Kind
from pipeline.notify.outbox import Outbox, drop_undelivered
from pipeline.notify.refusals import among_attributes, worded
from pipeline.notify.states import SubscriptionState
from pipeline.notify.subscription_attributes import (
    check_dead_letter_owner,
    differ,
    shown_subscription_attributes,
    with_subscription_attributes,
)
from pipeline.notify.topics import PAGE, Topic, Topics, check_owner
from pipeline.store.insertion import insert_new
from pipeline.store.notify_schema import subscriptions

TOKEN_LIFE = timedelta(days=3)
"""How long a confirmation's token works. Source: Amazon SNS API reference, ConfirmSubscription."""
AUTO_CONFIRMED = "sqs"
"""Protocol of endpoints whose owner is known to be the topic's. Source: Amazon SNS API reference, Subscribe."""
PENDING_CONFIRMATION = "PendingConfirmation"
MAX_POLICIES = 200
"""Different filter policies of a topic: each is held against every message. Source: Amazon SNS quotas; there, equal ones count as well."""
SUBSCRIPTION_COLONS = 6
"""In the ARN of a subscription; that of a topic has one less."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """An endpoint that gets what is published to a topic.

    Attributes:
        arn: The topic's ARN, a colon and a UUID.
        topic_arn: The topic.
        account: Owner of both.
        protocol: http or https.
        endpoint: The URL.
        state: Whether the endpoint's owner agreed.
    """

    arn: str
    topic_arn: str
    account: str
    protocol: str
    endpoint: str
    state: SubscriptionState

    @property
    def confirmed(self) -> bool:
        """Whether it gets what is published."""
        return self.state is SubscriptionState.CONFIRMED

    @property
    def shown_arn(self) -> str:
        """The ARN as lists show it."""
        return PENDING_CONFIRMATION if self.state is SubscriptionState.PENDING else self.arn


class Subscriptions:
    """The subscriptions; every method works inside the caller's transaction."""

    def __init__(self, outbox: Outbox) -> None:
        """Subscriptions that send their confirmations through `outbox`."""
        self._outbox = outbox

    def subscribe(
        self,
        connection: Connection,
        topic: Topic,
        endpoint: tuple[str, str],
        attributes: Mapping[str, str],
        now: datetime,
    ) -> Subscription:
        """The subscription; unless it was confirmed already, a confirmation is on its way to the endpoint.

        Args:
            connection: A writing transaction.
            topic: The topic.
            endpoint: Protocol and address, checked.
            attributes: As the request gives them.
            now: This moment.

        Raises:
            RequestError: an attribute is not possible, the subscription is there with other attributes, or FilterPolicyLimitExceeded.
        """
        values = _new(topic, endpoint, _checked(topic.account, attributes, endpoint[0]), now)
        same = [subscriptions.c[name] == values[name] for name in ("topic_arn", "protocol", "endpoint_hash")]
        if not insert_new(connection, subscriptions, values):
            row = connection.execute(select(subscriptions).where(*same).with_for_update()).mappings().one()
            self._again(connection, row, attributes, values)
        _check_policies(connection, topic.arn)
        row = connection.execute(select(subscriptions).where(*same)).mappings().one()
        if row["state"] == SubscriptionState.PENDING:
            self._outbox.invite(connection, row, Kind.SUBSCRIPTION_CONFIRMATION, now)
        return _subscription(row)

    def _again(
        self, connection: Connection, row: RowMapping, attributes: Mapping[str, str], values: Mapping[str, Any]
    ) -> None:
        """What ended begins anew, what is pending gets a new token; the rest stays, if it is as asked for."""
        ended = row["state"] == SubscriptionState.UNSUBSCRIBED
        if not ended and differ(row["attributes"], attributes, row["protocol"]):
            raise worded("Attributes Reason: Subscription already exists with different attributes")
        if row["state"] != SubscriptionState.CONFIRMED:
            renewed = ["state", "token", "token_expires_at", *(["attributes", "filter_hash"] if ended else [])]
            changed = {name: values[name] for name in renewed}
            connection.execute(update(subscriptions).where(subscriptions.c.arn == row["arn"]).values(changed))

    def confirm(
        self,
        connection: Connection,
        topic_arn: str,
        token: str,
        now: datetime,
        *,
        signed: bool,
        authenticated: bool = False,
    ) -> str:
        """ARN of the subscription that `token` was sent to, confirmed from now on.

        Args:
            connection: A writing transaction.
            topic_arn: The topic.
            token: Proof that the caller reads what the endpoint gets.
            now: This moment.
            signed: Only signed requests may end the subscription.
            authenticated: Whether this request is signed.

        Raises:
            RequestError: the token is of no subscription of the topic, or too old.
        """
        mine = (subscriptions.c.token == token, subscriptions.c.topic_arn == topic_arn)
        row = connection.execute(select(subscriptions).where(*mine)).mappings().first()
        if row is None or row["token_expires_at"] <= now:
            raise RequestError("InvalidParameter", "Invalid parameter: Token Reason: unknown or expired")
        if row["state"] != SubscriptionState.CONFIRMED:
            drop_undelivered(connection, row["arn"])
            values = {
                "state": SubscriptionState.CONFIRMED.value,
                "failures": 0,
                "signed_unsubscribe": signed,
                "authenticated": authenticated,
            }
            connection.execute(update(subscriptions).where(subscriptions.c.arn == row["arn"]).values(values))
        return str(row["arn"])

    def unsubscribe(self, connection: Connection, account: str, arn: str) -> None:
        """Ends a subscription at the wish of its owner; none there is no error.

        Raises:
            RequestError: InvalidParameter or AuthorizationError.
        """
        check_owner(arn, account, "SubscriptionArn")
        if arn.count(":") != SUBSCRIPTION_COLONS:
            raise worded(f"SubscriptionArn Reason: {arn} is the ARN of a topic")
        drop_undelivered(connection, arn)
        connection.execute(delete(subscriptions).where(subscriptions.c.arn == arn))

    def unsubscribe_by_link(self, connection: Connection, arn: str, now: datetime) -> None:
        """Ends a subscription at the wish of whoever follows UnsubscribeURL; the endpoint is told how to restore it.

        Source: Amazon SNS API reference, Unsubscribe: the final message is sent where the requester is not the owner.

        Raises:
            RequestError: NotFound, or AuthorizationError where the subscription asks for signed requests.
        """
        row = self._living(connection, arn)
        if row["signed_unsubscribe"]:
            raise RequestError("AuthorizationError", "This subscription can be ended by a signed request only")
        values = {"state": SubscriptionState.UNSUBSCRIBED.value, **_fresh_token(now)}
        connection.execute(update(subscriptions).where(subscriptions.c.arn == arn).values(values))
        self._outbox.invite(connection, {**row, **values}, Kind.UNSUBSCRIBE_CONFIRMATION, now)

    def attributes(self, connection: Connection, account: str, arn: str) -> Mapping[str, str]:
        """Everything GetSubscriptionAttributes tells.

        Raises:
            RequestError: InvalidParameter, AuthorizationError or NotFound.
        """
        check_owner(arn, account, "SubscriptionArn")
        row = self._living(connection, arn)
        topic = Topics().get(connection, account, row["topic_arn"])
        return shown_subscription_attributes(row, topic.attributes)

    def set_attribute(self, connection: Connection, account: str, arn: str, name: str, value: str) -> None:
        """Changes one attribute; what is published from now on is filtered and delivered by it.

        Raises:
            RequestError: the subscription is not the account's, the attribute or its value is not possible, or
                FilterPolicyLimitExceeded.
        """
        check_owner(arn, account, "SubscriptionArn")
        row = self._living(connection, arn)
        # Before the subscription itself, as a fan-out does.
        Topics().get(connection, account, row["topic_arn"], lock=True)
        row = self._living(connection, arn)
        changed = with_subscription_attributes(row["attributes"], {name: value}, row["protocol"])
        if name == "RedrivePolicy":
            check_dead_letter_owner(account, changed)
        values = {"attributes": changed, "filter_hash": filter_hash(changed)}
        connection.execute(update(subscriptions).where(subscriptions.c.arn == arn).values(values))
        _check_policies(connection, row["topic_arn"])

    def page(
        self, connection: Connection, account: str, after: str, topic_arn: str | None = None
    ) -> Sequence[Subscription]:
        """Up to `PAGE + 1` subscriptions behind the ARN `after`, in order, of one topic or of all."""
        living = subscriptions.c.state != SubscriptionState.UNSUBSCRIBED
        query = select(subscriptions).where(subscriptions.c.account == account, subscriptions.c.arn > after, living)
        if topic_arn is not None:
            query = query.where(subscriptions.c.topic_arn == topic_arn)
        rows = connection.execute(query.order_by(subscriptions.c.arn).limit(PAGE + 1)).mappings()
        return [_subscription(row) for row in rows]

    def _living(self, connection: Connection, arn: str) -> RowMapping:
        row = connection.execute(select(subscriptions).where(subscriptions.c.arn == arn)).mappings().first()
        if row is None or row["state"] == SubscriptionState.UNSUBSCRIBED:
            raise RequestError("NotFound", "Subscription does not exist")
        return row


def _check_policies(connection: Connection, topic_arn: str) -> None:
    """Refuses what was just written where it makes a topic's policies too many."""
    different = select(func.count(distinct(subscriptions.c.filter_hash))).where(subscriptions.c.topic_arn == topic_arn)
    if connection.execute(different).scalar_one() > MAX_POLICIES:
        reason = f"a topic has at most {MAX_POLICIES} different filter policies"
        raise RequestError("FilterPolicyLimitExceeded", f"Filter policy limit exceeded: {reason}")


def _checked(account: str, attributes: Mapping[str, str], protocol: str) -> dict[str, str]:
    try:
        wanted = with_subscription_attributes({}, attributes, protocol)
        check_dead_letter_owner(account, wanted)
    except RequestError as error:
        raise among_attributes(error) from None
    return wanted


def _new(topic: Topic, endpoint: tuple[str, str], attributes: dict[str, str], now: datetime) -> dict[str, Any]:
    protocol, address = endpoint
    known = protocol == AUTO_CONFIRMED
    return {
        "arn": f"{topic.arn}:{uuid.uuid4()}",
        "topic_arn": topic.arn,
        "account": topic.account,
        "protocol": protocol,
        "endpoint": address,
        "endpoint_hash": hashlib.sha256(address.encode()).hexdigest(),
        "attributes": attributes,
        "filter_hash": filter_hash(attributes),
        "state": (SubscriptionState.CONFIRMED if known else SubscriptionState.PENDING).value,
        "authenticated": known,
        "created_at": now,
        **_fresh_token(now),
    }


def _fresh_token(now: datetime) -> Mapping[str, Any]:
    return {"token": secrets.token_hex(64), "token_expires_at": now + TOKEN_LIFE}


def _subscription(row: Mapping[Any, Any]) -> Subscription:
    return Subscription(
        arn=row["arn"],
        topic_arn=row["topic_arn"],
        account=row["account"],
        protocol=row["protocol"],
        endpoint=row["endpoint"],
        state=SubscriptionState(row["state"]),
    )
