"""Where deliveries and subscriptions are."""

from enum import StrEnum


class DeliveryState(StrEnum):
    """Where a delivery is; DEAD ones are kept so that they can be sent again, MOVED ones went to a queue of dead letters."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    DEAD = "DEAD"
    MOVED = "MOVED"


class SubscriptionState(StrEnum):
    """Where a subscription is; an UNSUBSCRIBED one can be restored until its token expires."""

    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    UNSUBSCRIBED = "UNSUBSCRIBED"


class Lane(StrEnum):
    """PROVEN: deliveries to confirmed subscribers whose last delivery worked. They never wait for the OTHERS."""

    PROVEN = "PROVEN"
    OTHERS = "OTHERS"
