"""When a failed delivery is tried again."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

JITTER = 0.1
"""A retry comes up to this share later than the policy says, never sooner: subscribers that failed together do not return together."""
BACKOFFS = ("linear", "arithmetic", "geometric", "exponential")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and when a failed delivery is tried again, in four phases: at once, before, during and after back-off.

    Attributes:
        min_delay_s: Delay before back-off, and the first one of it.
        max_delay_s: The last delay of back-off, and that after it.
        retries: All retries together; what the other three phases leave is the back-off phase.
        at_once: Retries without delay.
        before: Retries `min_delay_s` apart.
        after: Retries `max_delay_s` apart.
        backoff: One of `BACKOFFS`.

    Source: Amazon SNS Developer Guide, "Message delivery retries": the phases and the defaults of http and https endpoints.
    """

    min_delay_s: float = 20
    max_delay_s: float = 20
    retries: int = 3
    at_once: int = 0
    before: int = 0
    after: int = 0
    backoff: str = "linear"

    def delay(self, failures: int, seed: str = "") -> timedelta | None:
        """How long to wait after the `failures`-th failure, counted from 1; None: give up.

        `seed` names the delivery; without one there is no jitter.
        """
        if failures > self.retries:
            return None
        stretch = 1 + JITTER * _share(f"{seed}|{failures}") if seed else 1
        return timedelta(seconds=self._nominal_s(failures) * stretch)

    @property
    def total_s(self) -> float:
        """Sum of all delays, without jitter."""
        return sum(self._nominal_s(failures) for failures in range(1, self.retries + 1))

    @property
    def wire(self) -> dict[str, Any]:
        """The policy as a delivery policy shows it."""
        return {
            "minDelayTarget": self.min_delay_s,
            "maxDelayTarget": self.max_delay_s,
            "numRetries": self.retries,
            "numMaxDelayRetries": self.after,
            "numNoDelayRetries": self.at_once,
            "numMinDelayRetries": self.before,
            "backoffFunction": self.backoff,
        }

    @classmethod
    def from_wire(cls, members: Mapping[str, Any]) -> "RetryPolicy":
        """The policy of checked members; those that are absent or null have SNS's defaults."""
        given = {name: value for name, value in members.items() if value is not None}
        return cls(*({**cls().wire, **given}[name] for name in _ORDER))

    def _nominal_s(self, failures: int) -> float:
        steps = self.retries - self.at_once - self.before - self.after
        step = failures - 1 - self.at_once - self.before
        if failures <= self.at_once:
            return 0
        if step < 0:
            return self.min_delay_s
        if step >= steps:
            return self.max_delay_s
        return self._backed_off(step, max(steps - 1, 1))

    def _backed_off(self, step: int, last: int) -> float:
        """Delay of a step of back-off, 0 to `last`.

        Amazon publishes the four curves as a picture only; these go through both ends and lie over one another as there.
        """
        least, most = self.min_delay_s, self.max_delay_s
        if self.backoff == "geometric":  # a common ratio
            return float(least * (most / least) ** (step / last))
        if self.backoff == "arithmetic":  # growing by a little more each time
            share = step * (step + 1) / (last * (last + 1))
        elif self.backoff == "exponential":  # the part above the least doubles, roughly, each time
            share = (2.0**step - 1) / (2.0**last - 1)
        else:
            share = step / last
        return least + (most - least) * share


_ORDER = (
    "minDelayTarget",
    "maxDelayTarget",
    "numRetries",
    "numNoDelayRetries",
    "numMinDelayRetries",
    "numMaxDelayRetries",
    "backoffFunction",
)

DEFAULT_RETRY = RetryPolicy()
QUEUE_RETRY = RetryPolicy(1, 20, retries=27, at_once=3, before=2, after=12, backoff="exponential")
"""For queues and topics of AWS: the first three phases as SNS has them (3 at once, 2 a second apart, 10 from 1 to 20 s).

SNS ends with 100,000 retries 20 s apart, for 23 days; here the last phase is bounded, and the dead letter kept instead.
"""


def _share(seed: str) -> float:
    """0 to 1, always the same for a seed."""
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4]) / 2**32
