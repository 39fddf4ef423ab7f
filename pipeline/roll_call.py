"""Which queues have a worker that lives: what the api, commands and figures tell of the register of workers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.liveness import Register, Sign
from pipeline.queue import QUEUES
from pipeline.redis_client import redis_of
from pipeline.settings import Settings

ANSWER_S = 1.0


@dataclass(frozen=True, slots=True)
class Roll:
    """The workers of an installation.

    Attributes:
        living: Those that give signs of life.
        silent: Those that have ceased to, without having ended as they should, with the reason.
    """

    living: Sequence[Sign]
    silent: Sequence[tuple[Sign, str]]

    def of(self, queue: str) -> list[Sign]:
        """The living workers of a queue."""
        return [sign for sign in self.living if queue in sign.facts.queues]

    def queues(self) -> dict[str, int]:
        """Queue -> how many living workers it has."""
        return {queue: len(self.of(queue)) for queue in QUEUES}


def register_of(settings: Settings) -> Register:
    """The register of the installation.

    Raises:
        SetupError: the broker is not Redis.
    """
    return Register(redis_of(settings, ANSWER_S, ANSWER_S))


def roll_call(register: Register, settings: Settings) -> Roll:
    """Who lives now.

    Raises:
        RedisError: the broker cannot be reached.
    """
    found = [(sign, sign.ailment(_ages_s(sign, settings), settings.silent_s)) for sign in register.signs()]
    return Roll(
        [sign for sign, reason in found if reason is None],
        [(sign, reason) for sign, reason in found if reason is not None],
    )


def _ages_s(sign: Sign, settings: Settings) -> Mapping[str, float]:
    """A worker that has just begun to give signs is not blamed for a message of its own that is still under way."""
    is_new = sign.counts.get("beat", 0) * settings.beat_s <= settings.silent_s
    return {"taken": sign.ages_s.get("beat", 0.0), **sign.ages_s} if is_new else sign.ages_s
