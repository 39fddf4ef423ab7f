"""What is due, one delivery per subscription, found without looking at all that wait."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CTE, ColumnElement, Connection, and_, exists, func, literal, or_, select

from pipeline.notify.states import DeliveryState, Lane, SubscriptionState
from pipeline.store.notify_schema import deliveries, subscriptions


@dataclass(frozen=True, slots=True)
class Candidate:
    """A delivery that could be claimed; `endpoint` is where it would go."""

    notification_id: str
    subscription_arn: str
    endpoint: str


def candidates(connection: Connection, now: datetime, lane: Lane, count: int, after: str = "") -> Sequence[Candidate]:
    """The first due delivery of each of up to `count` subscriptions behind `after`, none where one is under way.

    It leaps through an index from subscription to subscription, so a long backlog of one costs no more than one message.
    """
    heads = _heads(after)
    mine = (pending(), deliveries.c.subscription_arn == heads.c.arn)
    first = select(func.min(deliveries.c.next_at)).where(*mine).correlate(heads).scalar_subquery()
    ordered = select(deliveries.c.notification_id).where(*mine).order_by(deliveries.c.next_at).limit(1)
    flying = select(deliveries.c.subscription_arn).where(deliveries.c.lease_until > now, pending())
    known = and_(subscriptions.c.state == SubscriptionState.CONFIRMED, subscriptions.c.failures == 0)
    # Topics elsewhere have no subscription here.
    proven = or_(subscriptions.c.arn.is_(None), known)
    keys = (
        select(ordered.correlate(heads).scalar_subquery().label("id"), heads.c.arn)
        .join_from(heads, subscriptions, subscriptions.c.arn == heads.c.arn, isouter=True)
        .where(
            heads.c.arn.is_not(None),
            first <= literal(now, deliveries.c.next_at.type),
            heads.c.arn.not_in(flying),
            or_(subscriptions.c.resume_at.is_(None), subscriptions.c.resume_at <= now),
            proven if lane is Lane.PROVEN else ~proven,
        )
        .limit(count)
        .subquery()
    )
    found = select(deliveries.c.notification_id, deliveries.c.subscription_arn, deliveries.c.endpoint).join_from(
        keys, deliveries, and_(deliveries.c.notification_id == keys.c.id, deliveries.c.subscription_arn == keys.c.arn)
    )
    rows = connection.execute(found.order_by(deliveries.c.subscription_arn))
    return [Candidate(*row) for row in rows]


def following(connection: Connection, arns: Iterable[str], now: datetime) -> Sequence[Candidate]:
    """What is due next of each of these subscriptions, of which something was just delivered."""
    wanted = (deliveries.c.notification_id, deliveries.c.subscription_arn, deliveries.c.endpoint)
    found: list[Any] = []
    for arn in arns:
        mine = select(*wanted).where(deliveries.c.subscription_arn == arn, free(now))
        found += connection.execute(mine.order_by(deliveries.c.next_at).limit(1)).all()
    return [Candidate(*row) for row in found]


def anything_due(connection: Connection, now: datetime) -> bool:
    """Whether a wake-up of the deliverers would find work."""
    return bool(connection.execute(select(exists().where(free(now)))).scalar())


def pending() -> ColumnElement[bool]:
    """Still to be delivered."""
    return deliveries.c.state == DeliveryState.PENDING


def free(now: datetime) -> ColumnElement[bool]:
    """Due, and under no living lease."""
    unheld = or_(deliveries.c.lease_until.is_(None), deliveries.c.lease_until <= now)
    return and_(pending(), deliveries.c.next_at <= now, unheld)


def _heads(after: str) -> CTE:
    """ARNs of the subscriptions with something to deliver, in order; the last one is NULL.

    Source: PostgreSQL wiki, "Loose indexscan".
    """
    arn = deliveries.c.subscription_arn
    heads = select(func.min(arn).label("arn")).where(pending(), arn > after).cte("heads", recursive=True)
    following = select(func.min(arn)).where(pending(), arn > heads.c.arn).correlate(heads).scalar_subquery()
    return heads.union_all(select(following).where(heads.c.arn.is_not(None)))
