"""Invitations, each good for one machine and for a short time, and the machines that have joined."""

import hashlib
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Engine, delete, insert, select, update

from pipeline.errors import SetupError
from pipeline.store.engine import reading, writing
from pipeline.store.machine_schema import invitations, machines
from pipeline.store.metadata import utcnow

CODE_BYTES = 20
"""160 bits: no code can be guessed, however many guesses are let through."""
KEPT = timedelta(days=1)
"""How long an expired invitation stays."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """What the one who holds the code may do.

    Attributes:
        queues: What the machine's workers take.
        reach: Host under which it reaches database, broker and object store; None: as everybody.
        expires_at: When the code is of no more use.
    """

    queues: tuple[str, ...]
    reach: str | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine that has joined.

    Attributes:
        id: Its own id.
        name: Host name.
        queues: What its workers take.
        version: Of Reelsight, when it joined.
        cores: That it may use.
        device: Where it runs inference.
        joined_at: When.
    """

    id: str
    name: str
    queues: tuple[str, ...]
    version: str
    cores: int
    device: str
    joined_at: datetime


def invite(engine: Engine, queues: Sequence[str], reach: str | None, ttl: timedelta) -> str:
    """The code of a new invitation; only its hash is kept."""
    code, now = secrets.token_hex(CODE_BYTES), utcnow()
    with writing(engine) as connection:
        connection.execute(delete(invitations).where(invitations.c.expires_at < now - KEPT))
        values = {"queues": ",".join(queues), "reach": reach, "created_at": now, "expires_at": now + ttl}
        connection.execute(insert(invitations).values(code_hash=_hash(code), **values))
    return code


def redeem(connection: Connection, code: str) -> Invitation | None:
    """The invitation, used up; None: there is none, it has expired or was used. Of those who ask at once, one gets it.

    The code is looked up by its hash, so the time that takes tells nothing about codes that exist.
    """
    used = connection.execute(update(invitations).where(_good(code)).values(used_at=utcnow()).returning(invitations))
    row = used.mappings().first()
    return None if row is None else Invitation(tuple(row["queues"].split(",")), row["reach"], row["expires_at"])


def is_good(engine: Engine, code: str) -> bool:
    """Whether the code would be redeemed now; only reads, so that it may be asked often."""
    with reading(engine) as connection:
        return connection.execute(select(invitations.c.code_hash).where(_good(code))).first() is not None


def add(connection: Connection, name: str, queues: Sequence[str], version: str, cores: int, device: str) -> Machine:
    """Notes a machine that has joined."""
    machine = Machine(str(uuid.uuid4()), name, tuple(queues), version, cores, device, utcnow())
    connection.execute(insert(machines).values({**asdict(machine), "queues": ",".join(queues)}))
    return machine


def joined(engine: Engine) -> list[Machine]:
    """All that have joined, oldest first."""
    with reading(engine) as connection:
        rows = connection.execute(select(machines).order_by(machines.c.joined_at, machines.c.id)).mappings()
        return [Machine(**{**row, "queues": tuple(row["queues"].split(","))}) for row in rows]


def forget(engine: Engine, machine_id: str) -> Machine:
    """The machine, which is no longer listed.

    Raises:
        SetupError: there is none with that id.
    """
    with writing(engine) as connection:
        gone = connection.execute(delete(machines).where(machines.c.id == machine_id).returning(machines))
        row = gone.mappings().first()
    if row is None:
        raise SetupError(f"There is no machine {machine_id}.")
    return Machine(**{**row, "queues": tuple(row["queues"].split(","))})


def _good(code: str) -> ColumnElement[bool]:
    is_its = invitations.c.code_hash == _hash(code)
    return is_its & invitations.c.used_at.is_(None) & (invitations.c.expires_at > utcnow())


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
