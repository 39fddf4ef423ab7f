"""The door to the workers: wake-ups carry no truth, losing or repeating one is harmless."""

from typing import Protocol

from pipeline.turns import How


class JobQueue(Protocol):
    """Wakes workers; returns at once and never raises: the sweeper repeats what a broker that is away has lost."""

    def wake_plan(self, delay_s: float = 0.0) -> None:
        """Lets a worker call `plan`, if possible after `delay_s` seconds."""

    def waiting_plans(self) -> int | None:
        """How many of these wake-ups no worker has taken yet; None: the broker is away."""

    def wake_chunk(self) -> None:
        """Lets a worker call `analyze_chunk`: it is somebody's turn, and the worker asks the database whose."""

    def waiting_chunks(self) -> int | None:
        """How many of these wake-ups no worker has taken yet; None: the broker is away."""

    def wake_finish(self) -> None:
        """Lets a worker call `finish_pass`, for the pass whose turn it is."""

    def wake_delivery(self) -> None:
        """Lets a worker deliver the notifications that are due."""

    def wake_image(self, letter_id: str, how: How = "turn") -> None:
        """Lets a worker take a request out of the mailbox; its caller repeats this, nobody else."""

    def ping(self) -> None:
        """Reaches the broker; the one call that raises, when the broker is away."""
