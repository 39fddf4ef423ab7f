"""Where deliveries and subscriptions are."""

from enum import StrEnum


class DeliveryState(StrEnum):
    """Where a delivery is; DEAD ones are kept so that they can be sent again."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    DEAD = "DEAD"


class SubscriptionState(StrEnum):
    """Where a subscription is; an UNSUBSCRIBED one can be restored until its token expires."""

    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    UNSUBSCRIBED = "UNSUBSCRIBED"
