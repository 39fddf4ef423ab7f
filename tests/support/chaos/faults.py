"""The kinds of faults: how each is injected, how long it lasts, how it ends."""

import contextlib
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from redis import Redis
from redis.exceptions import RedisError

from tests.support.chaos import faults_of_servers, faults_of_storage
from tests.support.chaos.installation import Installation
from tests.support.chaos.processes import NotNow, send
from tests.support.chaos.shapes import One
from tests.support.chaos.subscribers import Subscriber

Heal = Callable[[], None]
Inject = Callable[[Installation, Random], Heal | None]


MESSAGES_S = 3.0
"""How long a queue is watched for messages that can be tampered with."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault.

    Attributes:
        name: Its name in reports.
        part: What it hits; one fault at a time has it.
        inject: Does it; returns what ends it, None where nothing has to.
        hold_s: Shortest and longest time between both.
        shapes: Where it can be injected.
    """

    name: str
    part: str
    inject: Inject
    hold_s: tuple[float, float] = (0.0, 0.0)
    shapes: tuple[str, ...] = ("one", "many")


def catalog(subscribers: list[Subscriber]) -> list[Fault]:
    """Every kind."""
    return [
        Fault("kill -9 video worker child", "video", _kill("-Q video", forked=True)),
        Fault("kill -9 video worker parent", "video", _kill("-Q video")),
        Fault("kill -9 control worker child", "control", _kill("-Q control", forked=True)),
        Fault("kill -9 control worker parent", "control", _kill("-Q control")),
        Fault("kill -9 notify worker", "notify", _kill("-Q notify")),
        Fault("kill -9 api", "api", _kill("api.cli api")),
        Fault("kill -9 beat", "beat", _kill(" beat ")),
        Fault("kill -9 supervisor and all below it", "machine", _kill_machine, (1.0, 3.0)),
        Fault("freeze video worker child past its lease", "video", _freeze("-Q video", forked=True), (9.0, 14.0)),
        Fault("freeze control worker child past its lease", "control", _freeze("-Q control", forked=True), (9.0, 14.0)),
        Fault("freeze api", "api", _freeze("api.cli api"), (2.0, 6.0)),
        Fault("duplicate broker messages", "messages", _messages("duplicate")),
        Fault("reorder broker messages", "messages", _messages("reorder")),
        Fault("drop broker messages", "messages", _messages("drop")),
        Fault("clock steps forward", "clock", _clock(+1), (5.0, 20.0)),
        Fault("clock steps back", "clock", _clock(-1), (5.0, 20.0)),
        Fault("subscriber away", "subscriber", _moody(subscribers, "away"), (3.0, 12.0)),
        Fault("subscriber slow", "subscriber", _moody(subscribers, "slow"), (3.0, 12.0)),
        *(Fault(*row) for row in (*faults_of_servers.ROWS, *faults_of_storage.ROWS)),
    ]


def _kill(mark: str, *, forked: bool = False) -> Inject:
    def inject(installation: Installation, random: Random) -> None:
        send(_victim(installation, random, mark, forked), signal.SIGKILL)

    return inject


def _freeze(mark: str, *, forked: bool = False) -> Inject:
    def inject(installation: Installation, random: Random) -> Heal:
        pid = _victim(installation, random, mark, forked)
        send(pid, signal.SIGSTOP)
        return lambda: send(pid, signal.SIGCONT)

    return inject


def _victim(installation: Installation, random: Random, mark: str, forked: bool) -> int:
    found = [pid for machine in installation.machines for pid in machine.children(mark, forked=forked)]
    if not found:
        raise NotNow
    return random.choice(found)


def _kill_machine(installation: Installation, random: Random) -> Heal:
    machine = random.choice(installation.machines)
    machine.kill()
    return machine.start


def _messages(what: str) -> Inject:
    def inject(installation: Installation, random: Random) -> None:
        queues = ["video", "control", "plan", "finish", "notify"]
        random.shuffle(queues)
        until = time.monotonic() + MESSAGES_S
        with contextlib.closing(installation.broker()) as client:
            while not _edited(client, queues, _EDITS[what], random):
                if time.monotonic() > until:
                    raise NotNow
                time.sleep(0.01)

    return inject


def _edited(client: Redis, queues: list[str], edit: Callable[..., bool], random: Random) -> bool:
    try:
        return any(edit(client, queue, random) for queue in queues)
    except RedisError as error:
        raise NotNow from error


def _duplicate(client: Redis, queue: str, random: Random) -> bool:
    found: list[bytes] = client.lrange(queue, 0, -1)  # type: ignore[assignment]
    for message in found:
        client.lpush(queue, *[message] * random.randint(1, 3))
    return bool(found)


def _reorder(client: Redis, queue: str, random: Random) -> bool:
    found: list[bytes] = client.lrange(queue, 0, -1)  # type: ignore[assignment]
    if len(found) < 2:
        return False
    random.shuffle(found)
    with client.pipeline() as pipe:
        pipe.delete(queue)
        pipe.rpush(queue, *found)
        pipe.execute()
    return True


def _drop(client: Redis, queue: str, _random: Random) -> bool:
    return bool(client.delete(queue))


_EDITS = {"duplicate": _duplicate, "reorder": _reorder, "drop": _drop}


def _clock(sign: int) -> Inject:
    """All clocks of a machine; those of one of several, or that of the only one."""

    def inject(installation: Installation, random: Random) -> Heal:
        file = installation.clock(random.randrange(len(installation.machines)))
        # Past all leases. Where the only clock is hit, within what signatures bear, and what was dated then waits until that time comes.
        shift_s = sign * random.uniform(30, 45 if isinstance(installation, One) else 7200)
        file.write_text(f"{shift_s:.1f}", encoding="ascii")
        return lambda: file.unlink(missing_ok=True)

    return inject


def _moody(subscribers: list[Subscriber], mood: str) -> Inject:
    def inject(_installation: Installation, random: Random) -> Heal:
        victim = random.choice([one for one in subscribers if one.name.endswith("moody")])
        victim.feel(mood)
        return lambda: victim.feel("fine")

    return inject


def of_shape(shape: str, subscribers: list[Subscriber], disk: bool) -> Mapping[str, Fault]:
    """Name -> kind, of those that can be injected."""
    kinds = [kind for kind in catalog(subscribers) if shape in kind.shapes]
    return {kind.name: kind for kind in kinds if disk or kind.part != "disk"}
