"""Topics of an account: where completions are announced."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, select, update

from pipeline.errors import RequestError
from pipeline.notify.outbox import SubscriptionState
from pipeline.notify.retry import DEFAULT_RETRY
from pipeline.store.insertion import insert_new
from pipeline.store.notify_schema import deliveries, subscriptions, topics

PAGE = 100
"""Topics or subscriptions per answer, as in SNS."""
MAX_TAGS = 50
STORED = frozenset({"SignatureVersion", "DisplayName", "Policy"})
"""Topic attributes that can be set."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A name in an account that messages are published to.

    Attributes:
        arn: arn:aws:sns:REGION:ACCOUNT:NAME.
        account: 12 digits.
        attributes: What was set of `STORED`.
    """

    arn: str
    account: str
    attributes: Mapping[str, str]


class Topics:
    """The topics; every method works inside the caller's transaction."""

    def exists(self, connection: Connection, account: str, arn: str) -> bool:
        """Whether the account has this topic."""
        query = select(topics.c.arn).where(topics.c.arn == arn, topics.c.account == account)
        return connection.execute(query).first() is not None

    def get(self, connection: Connection, account: str, arn: str) -> Topic:
        """The topic.

        Raises:
            RequestError: InvalidParameter, AuthorizationError (another account's) or NotFound.
        """
        check_owner(arn, account)
        row = connection.execute(select(topics).where(topics.c.arn == arn)).mappings().first()
        if row is None:
            raise RequestError("NotFound", "Topic does not exist")
        return Topic(row["arn"], row["account"], row["attributes"])

    def create(
        self,
        connection: Connection,
        arn: str,
        attributes: Mapping[str, str],
        tags: Mapping[str, str],
        now: datetime,
    ) -> str:
        """ARN of the topic, made unless it is there already; see `topic_arn`.

        Raises:
            RequestError: an attribute is unknown, or the topic is there with other attributes or tags.
        """
        wanted = checked_attributes(attributes)
        if len(tags) > MAX_TAGS:
            raise RequestError("TagLimitExceeded", f"Tags: a topic has at most {MAX_TAGS} tags")
        account, name = arn.split(":")[4:]
        values = {
            "arn": arn,
            "account": account,
            "name": name,
            "attributes": wanted,
            "tags": dict(tags),
            "created_at": now,
        }
        if not insert_new(connection, topics, values):
            _check_same(connection.execute(select(topics).where(topics.c.arn == arn)).mappings().one(), wanted, tags)
        return arn

    def set_attribute(self, connection: Connection, account: str, arn: str, name: str, value: str) -> None:
        """Changes one attribute.

        Raises:
            RequestError: the topic is not the account's, or the attribute or its value is not possible.
        """
        topic = self.get(connection, account, arn)
        changed = {**topic.attributes, **checked_attributes({name: value})}
        connection.execute(update(topics).where(topics.c.arn == arn).values(attributes=changed))

    def attributes(self, connection: Connection, account: str, arn: str) -> Mapping[str, str]:
        """Everything GetTopicAttributes tells."""
        topic = self.get(connection, account, arn)
        count = select(subscriptions.c.state, func.count()).where(subscriptions.c.topic_arn == arn)
        counts = {row[0]: row[1] for row in connection.execute(count.group_by(subscriptions.c.state))}
        return {
            "TopicArn": arn,
            "Owner": account,
            "DisplayName": "",
            "SignatureVersion": "1",
            "Policy": _default_policy(arn, account),
            "EffectiveDeliveryPolicy": json.dumps({"http": {"defaultHealthyRetryPolicy": DEFAULT_RETRY.wire}}),
            "SubscriptionsConfirmed": str(counts.get(SubscriptionState.CONFIRMED, 0)),
            "SubscriptionsPending": str(counts.get(SubscriptionState.PENDING, 0)),
            "SubscriptionsDeleted": str(counts.get(SubscriptionState.UNSUBSCRIBED, 0)),
            **topic.attributes,
        }

    def page(self, connection: Connection, account: str, after: str) -> Sequence[str]:
        """ARNs of up to `PAGE + 1` topics behind `after`, in order; one more than a page says that another follows."""
        query = select(topics.c.arn).where(topics.c.account == account, topics.c.arn > after)
        return list(connection.execute(query.order_by(topics.c.arn).limit(PAGE + 1)).scalars())

    def delete(self, connection: Connection, account: str, arn: str) -> None:
        """Deletes the topic with its subscriptions and what is still to be delivered to them; none there is no error.

        Raises:
            RequestError: the ARN is not one of the account's.
        """
        check_owner(arn, account)
        mine = select(subscriptions.c.arn).where(subscriptions.c.topic_arn == arn)
        connection.execute(delete(deliveries).where(deliveries.c.subscription_arn.in_(mine)))
        connection.execute(delete(subscriptions).where(subscriptions.c.topic_arn == arn))
        connection.execute(delete(topics).where(topics.c.arn == arn))


def topic_arn(region: str, account: str, name: str) -> str:
    """ARN of the topic `name`.

    Raises:
        RequestError: the name is not possible.
    """
    if name.endswith(".fifo"):
        raise RequestError("InvalidParameter", "Invalid parameter: Topic Name Reason: FIFO topics are not supported")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", name):
        raise RequestError(
            "InvalidParameter",
            "Invalid parameter: Topic Name Reason: 1 to 256 letters, digits, hyphens and underscores are allowed",
        )
    return f"arn:aws:sns:{region}:{account}:{name}"


def check_owner(arn: str, account: str, member: str = "TopicArn") -> None:
    """Refuses ARNs that are not of SNS or of another account, whether or not they exist there.

    Raises:
        RequestError: InvalidParameter or AuthorizationError.
    """
    match = re.fullmatch(r"arn:aws:sns:[a-z0-9-]+:([0-9]{12}):[A-Za-z0-9_-]{1,256}(?::[A-Za-z0-9-]+)?", arn)
    if match is None:
        raise RequestError("InvalidParameter", f"Invalid parameter: {member}")
    if match[1] != account:
        raise RequestError("AuthorizationError", f"Account {account} is not authorized to use {arn}")


def checked_attributes(attributes: Mapping[str, str]) -> dict[str, str]:
    """The attributes as they are stored.

    Raises:
        RequestError: one is unknown or has an impossible value.
    """
    for name, value in attributes.items():
        if name == "FifoTopic" and value.lower() == "true":
            raise RequestError("InvalidParameter", "Invalid parameter: FifoTopic Reason: FIFO topics are not supported")
        if name not in STORED | {"FifoTopic"}:
            raise RequestError("InvalidParameter", f"Invalid parameter: AttributeName Reason: {name} is not supported")
        if name == "SignatureVersion" and value not in {"1", "2"}:
            raise RequestError("InvalidParameter", f"Invalid parameter: SignatureVersion Reason: 1 or 2, not {value!r}")
    return {name: value for name, value in attributes.items() if name in STORED}


def _check_same(there: RowMapping, attributes: Mapping[str, str], tags: Mapping[str, str]) -> None:
    present: Mapping[str, Any] = {"SignatureVersion": "1", **there["attributes"]}
    if any(present.get(name) != value for name, value in attributes.items()):
        reason = "Topic already exists with different attributes"
        raise RequestError("InvalidParameter", f"Invalid parameter: Attributes Reason: {reason}")
    if tags and dict(tags) != there["tags"]:
        raise RequestError(
            "InvalidParameter", "Invalid parameter: Tags Reason: Topic already exists with different tags"
        )


def _default_policy(arn: str, account: str) -> str:
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [
            "SNS:Publish",
            "SNS:Subscribe",
            "SNS:GetTopicAttributes",
            "SNS:SetTopicAttributes",
            "SNS:DeleteTopic",
        ],
        "Resource": arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": account}},
    }
    return json.dumps({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]})
