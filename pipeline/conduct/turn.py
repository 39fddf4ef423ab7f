"""A worker's turn: what is next by fairness, leased in the transaction that chose it, and what became of it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection

from pipeline.jobs.types import Pass
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.store import turns
from pipeline.store.engine import writing
from pipeline.store.metadata import utcnow
from pipeline.store.turns import Busy, Work

TRIES, PAUSE_S = 200, 0.02
"""Whoever holds what waits is done with it in milliseconds, or has stopped in the middle of it; then the sweeper asks again."""

T = TypeVar("T")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Report:
    """What a worker did with its turn, as it is shown to who watches the workers.

    Attributes:
        pass_id: The pass.
        jobs: Ids of the jobs it worked for.
        done: Whether that is settled now: planned, analysed or finished, or failed for good.
        chunk: Its frames, "FIRST-END".
        frames: How many of them were analysed.
        chunks: Into how many chunks the video was cut.
    """

    pass_id: str
    jobs: Sequence[str]
    done: bool
    chunk: str | None = None
    frames: int | None = None
    chunks: int | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """The same as JSON values, without what does not apply."""
        given = {"chunk": self.chunk, "frames": self.frames, "chunks": self.chunks}
        known = {name: value for name, value in given.items() if value is not None}
        # In lists only the beginning is seen.
        return {**known, "done": self.done, "jobs": list(self.jobs), "pass": self.pass_id}


def taken(services: Services, work: Work, claim: Callable[[Connection, Pass], tuple[T, float] | None]) -> T | None:
    """What `claim` makes of the pass whose turn is next; None: nothing waits.

    Args:
        services: Where to look.
        work: What the worker is there for.
        claim: Called inside the transaction with the locked pass; what it has leased, and its length, which the account is charged.
    """
    for _ in range(TRIES):
        try:
            with writing(services.engine) as connection:
                pass_ = turns.take(connection, work, services.settings.account_shares, utcnow())
                if pass_ is None:
                    return None
                claimed = claim(connection, pass_)
                if claimed is not None:
                    found, length = claimed
                    turns.charge(connection, work, pass_.account, length, services.settings.account_shares)
                    return found
        except Busy:
            pass
        time.sleep(PAUSE_S)
    log.warning("turn_given_up", work=work.value)
    return None


def rested(settings: Settings, now: datetime) -> datetime:
    """Until when rests what has just failed and is to be tried again."""
    return now + timedelta(seconds=settings.lease_s / 2)
