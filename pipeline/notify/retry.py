"""When a failed delivery is tried again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Retries with linear back-off from `min_delay_s` to `max_delay_s`.

    Source: Amazon SNS Developer Guide, "Message delivery retries": the policy of http and https endpoints and its defaults.
    """

    retries: int = 3
    min_delay_s: int = 20
    max_delay_s: int = 20

    def delay(self, failures: int) -> timedelta | None:
        """How long to wait after the `failures`-th failure, counted from 1; None: give up."""
        if failures > self.retries:
            return None
        share = (failures - 1) / max(self.retries - 1, 1)
        return timedelta(seconds=self.min_delay_s + (self.max_delay_s - self.min_delay_s) * share)

    @property
    def wire(self) -> Mapping[str, Any]:
        """The policy as a delivery policy shows it."""
        return {
            "minDelayTarget": self.min_delay_s,
            "maxDelayTarget": self.max_delay_s,
            "numRetries": self.retries,
            "numMaxDelayRetries": 0,
            "numNoDelayRetries": 0,
            "numMinDelayRetries": 0,
            "backoffFunction": "linear",
        }


DEFAULT_RETRY = RetryPolicy()
