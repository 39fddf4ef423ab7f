"""The door to the workers: wake-ups carry no truth, losing or repeating one is harmless."""

from typing import Protocol


class JobQueue(Protocol):
    """Wakes workers; returns at once and may raise when the broker is away."""

    def wake_plan(self, delay_s: float = 0.0) -> None:
        """Lets a worker call `plan` after `delay_s` seconds."""

    def wake_chunk(self, chunk_id: str, priority: int = 0) -> None:
        """Lets a worker call `analyze_chunk`; a higher priority goes first."""

    def wake_finish(self, pass_id: str) -> None:
        """Lets a worker call `finish_pass`."""

    def wake_delivery(self, delay_s: float = 0.0) -> None:
        """Lets a worker deliver the notifications that are due."""
