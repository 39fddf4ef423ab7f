"""Topics of an account: where completions are announced."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, delete, func, select, update

from pipeline.errors import RequestError
from pipeline.notify.access_policy import default_policy, with_statement, without_statement
from pipeline.notify.refusals import among_attributes, invalid, worded
from pipeline.notify.states import DeliveryState, SubscriptionState
from pipeline.notify.topic_attributes import (
    MESSAGE_BYTES,
    checked_topic_attributes,
    differing,
    shown_topic_attributes,
    with_attributes,
)
from pipeline.store.insertion import insert_new
from pipeline.store.notify_schema import deliveries, subscriptions, topics

PAGE = 100
"""Topics or subscriptions per answer, as in SNS."""
MAX_TAGS = 50
RESERVED_TAGS = "aws:"
"""Keys of tags that begin so, in any case, are Amazon's own."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A name in an account that messages are published to.

    Attributes:
        arn: arn:aws:sns:REGION:ACCOUNT:NAME.
        account: 12 digits.
        attributes: What was set.
        tags: Key -> value.
    """

    arn: str
    account: str
    attributes: Mapping[str, str]
    tags: Mapping[str, str]

    @property
    def message_bytes(self) -> int:
        """How long a message may be, with its attributes."""
        return int(self.attributes.get("MaximumMessageSize", MESSAGE_BYTES))


class Topics:
    """The topics; every method works inside the caller's transaction."""

    def exists(self, connection: Connection, account: str, arn: str) -> bool:
        """Whether the account has this topic."""
        query = select(topics.c.arn).where(topics.c.arn == arn, topics.c.account == account)
        return connection.execute(query).first() is not None

    def get(self, connection: Connection, account: str, arn: str, *, lock: bool = False) -> Topic:
        """The topic; with `lock` nobody else changes it, or the policies of its subscriptions, before the transaction ends.

        Raises:
            RequestError: InvalidParameter, AuthorizationError (another account's) or NotFound.
        """
        check_owner(arn, account)
        query = select(topics).where(topics.c.arn == arn)
        row = connection.execute(query.with_for_update() if lock else query).mappings().first()
        if row is None:
            raise RequestError("NotFound", "Topic does not exist")
        return Topic(row["arn"], row["account"], row["attributes"], row["tags"])

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
        _check_tags(tags)
        try:
            wanted = checked_topic_attributes(attributes)
        except RequestError as error:
            raise among_attributes(error) from None
        account, name = arn.split(":")[4:]
        values = {
            "arn": arn,
            "account": account,
            "name": name,
            "attributes": {name: value for name, value in wanted.items() if value is not None},
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
        topic = self.get(connection, account, arn, lock=True)
        _write(connection, arn, attributes=with_attributes(topic.attributes, {name: value}))

    def attributes(self, connection: Connection, account: str, arn: str) -> Mapping[str, str]:
        """Everything GetTopicAttributes tells."""
        topic = self.get(connection, account, arn)
        count = select(subscriptions.c.state, func.count()).where(subscriptions.c.topic_arn == arn)
        counts = {row[0]: row[1] for row in connection.execute(count.group_by(subscriptions.c.state))}
        return {
            **shown_topic_attributes(arn, account, topic.attributes),
            "SubscriptionsConfirmed": str(counts.get(SubscriptionState.CONFIRMED, 0)),
            "SubscriptionsPending": str(counts.get(SubscriptionState.PENDING, 0)),
            "SubscriptionsDeleted": str(counts.get(SubscriptionState.UNSUBSCRIBED, 0)),
        }

    def add_permission(
        self,
        connection: Connection,
        account: str,
        arn: str,
        label: str,
        allowed: tuple[Sequence[str], Sequence[str]],
    ) -> None:
        """Adds a statement to the topic's policy; `allowed`: accounts, actions.

        Raises:
            RequestError: as `get` and `with_statement`.
        """
        topic = self.get(connection, account, arn, lock=True)
        edited = with_statement(_policy(topic), arn, label, *allowed)
        _write(connection, arn, attributes={**topic.attributes, "Policy": edited})

    def remove_permission(self, connection: Connection, account: str, arn: str, label: str) -> None:
        """Takes a statement from the topic's policy; there need not be one.

        Raises:
            RequestError: as `get`.
        """
        topic = self.get(connection, account, arn, lock=True)
        edited = without_statement(_policy(topic), label)
        _write(connection, arn, attributes={**topic.attributes, "Policy": edited})

    def tag(self, connection: Connection, account: str, arn: str, tags: Mapping[str, str]) -> None:
        """Adds tags; a key that is there gets the new value.

        Raises:
            RequestError: ResourceNotFound, TagLimitExceeded, or a key is reserved.
        """
        merged = {**self.tags(connection, account, arn, lock=True), **tags}
        _check_tags(merged)
        _write(connection, arn, tags=merged)

    def untag(self, connection: Connection, account: str, arn: str, keys: Iterable[str]) -> None:
        """Takes the tags with these keys away; others are ignored.

        Raises:
            RequestError: ResourceNotFound.
        """
        gone = set(keys)
        left = {key: value for key, value in self.tags(connection, account, arn, lock=True).items() if key not in gone}
        _write(connection, arn, tags=left)

    def tags(self, connection: Connection, account: str, arn: str, *, lock: bool = False) -> Mapping[str, str]:
        """Key -> value.

        Raises:
            RequestError: ResourceNotFound.
        """
        check_owner(arn, account, "ResourceArn")
        try:
            return self.get(connection, account, arn, lock=lock).tags
        except RequestError as error:
            if error.code == "NotFound":
                raise RequestError("ResourceNotFound", "Resource does not exist") from None
            raise

    def page(self, connection: Connection, account: str, after: str) -> Sequence[str]:
        """ARNs of up to `PAGE + 1` topics behind `after`, in order; one more than a page says that another follows."""
        query = select(topics.c.arn).where(topics.c.account == account, topics.c.arn > after)
        return list(connection.execute(query.order_by(topics.c.arn).limit(PAGE + 1)).scalars())

    def delete(self, connection: Connection, account: str, arn: str) -> None:
        """Deletes the topic with its subscriptions and what is still to be delivered to them; none there is no error.

        Dead letters stay for their time, so that the operator can see what was lost.

        Raises:
            RequestError: the ARN is not one of the account's.
        """
        check_owner(arn, account)
        mine = select(subscriptions.c.arn).where(subscriptions.c.topic_arn == arn)
        dead = deliveries.c.state == DeliveryState.DEAD
        connection.execute(delete(deliveries).where(deliveries.c.subscription_arn.in_(mine), ~dead))
        connection.execute(delete(subscriptions).where(subscriptions.c.topic_arn == arn))
        connection.execute(delete(topics).where(topics.c.arn == arn))


def topic_arn(region: str, account: str, name: str) -> str:
    """ARN of the topic `name`.

    Raises:
        RequestError: the name is not possible.
    """
    if name.endswith(".fifo"):
        raise invalid("Topic Name", "FIFO topics are not supported")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", name):
        raise invalid("Topic Name", "1 to 256 letters, digits, hyphens and underscores are allowed")
    return f"arn:aws:sns:{region}:{account}:{name}"


def check_owner(arn: str, account: str, member: str = "TopicArn") -> None:
    """Refuses ARNs that are not of SNS or of another account, whether or not they exist there.

    Raises:
        RequestError: InvalidParameter or AuthorizationError.
    """
    elements = arn.count(":") + 1
    if elements < 6:
        raise invalid(member, f"An ARN must have at least 6 elements, not {elements}")
    match = re.fullmatch(r"arn:aws:sns:[a-z0-9-]+:([0-9]{12}):[A-Za-z0-9_-]{1,256}(?::[A-Za-z0-9-]+)?", arn)
    if match is None:
        raise invalid(member, f"{arn[:300]!r} is not the ARN of a topic or of a subscription to one")
    if match[1] != account:
        raise RequestError("AuthorizationError", f"Account {account} is not authorized to use {arn}")


def _write(
    connection: Connection,
    arn: str,
    *,
    attributes: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    changed = {"attributes": attributes, "tags": tags}
    values = {name: dict(value) for name, value in changed.items() if value is not None}
    connection.execute(update(topics).where(topics.c.arn == arn).values(values))


def _policy(topic: Topic) -> str:
    return topic.attributes.get("Policy") or default_policy(topic.arn, topic.account)


def _check_tags(tags: Mapping[str, str]) -> None:
    for key in tags:
        if key.casefold().startswith(RESERVED_TAGS):
            raise worded(f"Tags Reason: the key {key!r} begins with {RESERVED_TAGS}, which is reserved")
    if len(tags) > MAX_TAGS:
        raise RequestError("TagLimitExceeded", f"Tags: a topic has at most {MAX_TAGS} tags, not {len(tags)}")


def _check_same(there: RowMapping, wanted: Mapping[str, str | None], tags: Mapping[str, str]) -> None:
    if (name := differing(there["attributes"], wanted)) is not None:
        raise worded(f"Attributes Reason: Topic already exists with different attributes: {name}")
    if any(there["tags"].get(key) != value for key, value in tags.items()):
        raise worded("Tags Reason: Topic already exists with different tags")
