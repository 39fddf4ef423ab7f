"""The door to the workers: wake-ups carry no truth, losing or repeating one is harmless."""

from typing import Protocol

from pipeline.turns import How


class JobQueue(Protocol):
    """Wakes workers; returns at once and never raises: the sweeper repeats what a broker that is away has lost."""

    def wake_plan(self, delay_s: float = 0.0) -> None:
        """Lets a worker call `plan`, if possible after `delay_s` seconds."""

    def wake_chunk(self, chunk_id: str, priority: int = 0) -> None:
        """Lets a worker call `analyze_chunk`; a higher priority goes first where the broker knows priorities."""

    def wake_finish(self, pass_id: str) -> None:
        """Lets a worker call `finish_pass`."""

    def wake_delivery(self) -> None:
        """Lets a worker deliver the notifications that are due."""

    def wake_image(self, letter_id: str, how: How = "turn") -> None:
        """Lets a worker take a request out of the mailbox; its caller repeats this, nobody else."""

    def ping(self) -> None:
        """Reaches the broker; the one call that raises, when the broker is away."""
