"""Subscriptions: who gets what is published to a topic, after they said that they want it."""

import hashlib
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import Connection, RowMapping, delete, select, update

from pipeline.errors import RequestError
from pipeline.notify.message import Kind
from pipeline.notify.outbox import Outbox, SubscriptionState, drop_undelivered
from pipeline.notify.ssrf import AddressRefused, Guard
from pipeline.notify.topics import PAGE, Topic, check_owner
from pipeline.store.insertion import insert_new
from pipeline.store.notify_schema import subscriptions

TOKEN_LIFE = timedelta(days=3)
"""How long a confirmation's token works. Source: Amazon SNS API reference, ConfirmSubscription."""
PROTOCOLS = {"http": 80, "https": 443}
MAX_ENDPOINT = 2048
MAX_PORT = 65535
PENDING_CONFIRMATION = "PendingConfirmation"


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
        self, connection: Connection, topic: Topic, protocol: str, endpoint: str, now: datetime
    ) -> Subscription:
        """The subscription; unless it was confirmed already, a confirmation is on its way to the endpoint."""
        digest = hashlib.sha256(endpoint.encode()).hexdigest()
        values = {
            "arn": f"{topic.arn}:{uuid.uuid4()}",
            "topic_arn": topic.arn,
            "account": topic.account,
            "protocol": protocol,
            "endpoint": endpoint,
            "endpoint_hash": digest,
            "attributes": {},
            "state": SubscriptionState.PENDING.value,
            "created_at": now,
            **_fresh_token(now),
        }
        same = (
            subscriptions.c.topic_arn == topic.arn,
            subscriptions.c.protocol == protocol,
            subscriptions.c.endpoint_hash == digest,
        )
        if not insert_new(connection, subscriptions, values):
            again = {"state": SubscriptionState.PENDING.value, **_fresh_token(now)}
            unconfirmed = subscriptions.c.state != SubscriptionState.CONFIRMED
            connection.execute(update(subscriptions).where(*same, unconfirmed).values(again))
        row = connection.execute(select(subscriptions).where(*same)).mappings().one()
        if row["state"] == SubscriptionState.PENDING:
            self._outbox.invite(connection, row, Kind.SUBSCRIPTION_CONFIRMATION, now)
        return _subscription(row)

    def confirm(self, connection: Connection, topic_arn: str, token: str, now: datetime, *, signed: bool) -> str:
        """ARN of the subscription that `token` was sent to, confirmed from now on.

        Args:
            connection: A writing transaction.
            topic_arn: The topic.
            token: Proof that the caller reads what the endpoint gets.
            now: This moment.
            signed: Only signed requests may end the subscription.

        Raises:
            RequestError: the token is of no subscription of the topic, or too old.
        """
        mine = (subscriptions.c.token == token, subscriptions.c.topic_arn == topic_arn)
        row = connection.execute(select(subscriptions).where(*mine)).mappings().first()
        if row is None or row["token_expires_at"] <= now:
            raise RequestError("InvalidParameter", "Invalid parameter: Token Reason: unknown or expired")
        if row["state"] != SubscriptionState.CONFIRMED:
            drop_undelivered(connection, row["arn"])
            values = {"state": SubscriptionState.CONFIRMED.value, "failures": 0, "signed_unsubscribe": signed}
            connection.execute(update(subscriptions).where(subscriptions.c.arn == row["arn"]).values(values))
        return str(row["arn"])

    def unsubscribe(self, connection: Connection, account: str, arn: str) -> None:
        """Ends a subscription at the wish of its owner.

        Raises:
            RequestError: InvalidParameter, AuthorizationError or NotFound.
        """
        check_owner(arn, account, "SubscriptionArn")
        self._living(connection, arn)
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


def check_endpoint(guard: Guard, protocol: str, endpoint: str) -> None:
    """Refuses endpoints that could never be delivered to.

    Raises:
        RequestError: InvalidParameter that names the protocol or the endpoint and what is wrong with it.
    """
    if protocol not in PROTOCOLS:
        raise _invalid("Protocol", f"http and https are supported, not {protocol!r}")
    if len(endpoint) > MAX_ENDPOINT:
        raise _invalid("Endpoint", f"longer than {MAX_ENDPOINT} characters")
    try:
        url = httpx.URL(endpoint)
    except httpx.InvalidURL as error:
        raise _invalid("Endpoint", f"{endpoint!r}: {error}") from None
    if url.scheme != protocol:
        raise _invalid("Endpoint", f"{endpoint!r} does not match the protocol {protocol}")
    if not url.host:
        raise _invalid("Endpoint", f"{endpoint!r} names no host")
    port = PROTOCOLS[protocol] if url.port is None else url.port
    if not 0 < port <= MAX_PORT:
        raise _invalid("Endpoint", f"{endpoint!r}: ports go from 1 to {MAX_PORT}, not {port}")
    try:
        guard.addresses(url.raw_host.decode("ascii"), port)
    except AddressRefused as error:
        raise _invalid("Endpoint", f"{endpoint!r}: {error}") from None


def _invalid(member: str, reason: str) -> RequestError:
    return RequestError("InvalidParameter", f"Invalid parameter: {member} Reason: {reason}")


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
