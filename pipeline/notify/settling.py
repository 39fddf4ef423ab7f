"""Writes down what came of deliveries: those that went well in one statement, the others one by one."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection

from pipeline.notify.held import Delivery
from pipeline.notify.outbox import Outbox
from pipeline.notify.outcome import Outcome
from pipeline.notify.states import DeliveryState

log = structlog.get_logger()


def settle(outbox: Outbox, connection: Connection, ended: Sequence[tuple[Delivery, Outcome]], now: datetime) -> None:
    """Writes the outcomes, where nobody else took the delivery meanwhile."""
    smooth: dict[int | None, list[Delivery]] = defaultdict(list)
    for delivery, outcome in sorted(ended, key=lambda one: one[0].subscription_arn):
        if outcome.error is None and not delivery.failures:
            smooth[outcome.code].append(delivery)
            continue
        values = _values(outcome, now)
        kept = outbox.settle(connection, delivery, values, failed=outcome.error is not None)
        _tell(delivery, outcome, values.get("state", DeliveryState.PENDING) if kept else "DROPPED")
    for code, delivered in smooth.items():
        kept_keys = outbox.settle_delivered(connection, delivered, code, now)
        for delivery in delivered:
            kept = (delivery.notification.id, delivery.subscription_arn) in kept_keys
            _tell(delivery, Outcome(code, None, final=False), DeliveryState.DELIVERED if kept else "DROPPED")


def _values(outcome: Outcome, now: datetime) -> dict[str, Any]:
    values: dict[str, Any] = {"last_code": outcome.code, "last_error": outcome.error}
    if outcome.wait is not None:
        return values | {"next_at": now + outcome.wait}
    state = DeliveryState.DELIVERED if outcome.error is None else DeliveryState.DEAD
    return values | {"state": (DeliveryState.MOVED if outcome.moved else state).value, "settled_at": now}


def _tell(delivery: Delivery, outcome: Outcome, state: str) -> None:
    event = "notification_delivered" if outcome.error is None else "notification_delivery_failed"
    log.info(
        event,
        message_id=delivery.notification.id,
        subscription_arn=delivery.subscription_arn,
        state=str(state),
        attempt=delivery.attempts + 1,
        code=outcome.code,
        reason=outcome.error,
    )
