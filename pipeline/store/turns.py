"""Whose turn it is: the one place that says which pass is planned, analysed or finished next.

Accounts take turns, whatever they have queued. Of those for which work waits comes first the one that has the fewest workers, measured by
its share; among equals the one that is owed most: every turn is charged to its account, by the length of what was taken, and whoever comes
anew starts at what is charged at present, so that nobody collects credit by being idle. Within an account the highest priority comes first,
then the pass that was served least recently, so that a short video does not wait for a long one.

Nobody starves: while an account waits without a worker, others are served before it only until they have been charged as much.

Source: Goyal, Vin, Cheng, "Start-time Fair Queueing", SIGCOMM 1996: tags `begun` and `due`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, and_, func, literal_column, or_, select, update

from pipeline.jobs.types import ChunkState, Pass
from pipeline.store.insertion import insert_new
from pipeline.store.rows import pass_of
from pipeline.store.schema import chunks, passes, turns

EVERYBODY = 1.0
"""Share of an account that none was set for."""


class Work(StrEnum):
    """What a worker does when it is somebody's turn; each kind has turns of its own."""

    PLAN = "plan"
    CHUNK = "chunk"
    FINISH = "finish"


class Busy(Exception):  # noqa: N818 - what it is, not an error
    """Work waits, but others hold all of it for this moment: ask again."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account for which work waits.

    Attributes:
        id: 12 digits.
        workers: How many work for it.
        share: What is its due beside others; positive.
        due: From which charge on its next turn counts.
    """

    id: str
    workers: int
    share: float
    due: float


def in_turn(waiting: Sequence[Account], charged: float) -> list[Account]:
    """The accounts, whose turn is next first; `charged` is the charge at which the last turn began."""
    return sorted(waiting, key=lambda one: (one.workers / one.share, max(one.due, charged), one.due, one.id))


def after(due: float, charged: float, amount: float, share: float) -> tuple[float, float]:
    """The charges at which a turn of this length began, and the next of the account will, when the last turn of all began at `charged`."""
    begun = max(due, charged)
    return begun, begun + amount / share


def enter(connection: Connection, account: str) -> None:
    """Lets an account take part, from now on; one that does already stays as it is."""
    for work in Work:
        _entered(connection, work, account)


def take(connection: Connection, work: Work, shares: Mapping[str, float], now: datetime) -> Pass | None:
    """The pass whose turn is next, locked until the transaction ends; None: nothing waits.

    Raises:
        Busy: others are taking whatever waits.
    """
    waiting = _waiting(connection, work, shares, now)
    for account in in_turn(waiting, _charged(connection, work)):
        if _locked(connection, work, account.id):
            row = _first(connection, work, account.id, now)
            if row is not None:
                return pass_of(row)
    if waiting:
        raise Busy
    return None


def charge(connection: Connection, work: Work, account: str, amount: float, shares: Mapping[str, float]) -> None:
    """Notes that the account was given work of this length."""
    share = shares.get(account, EVERYBODY)
    begun, due = after(_due(connection, work, account), _charged(connection, work), amount, share)
    connection.execute(update(turns).where(*_mine(work, account)).values(begun=begun, due=due))


def more(connection: Connection, work: Work, now: datetime) -> bool:
    """Whether work of this kind waits for a worker."""
    return connection.execute(accounts(work, now).limit(1)).first() is not None


def _waiting(connection: Connection, work: Work, shares: Mapping[str, float], now: datetime) -> list[Account]:
    # In one order, like everybody: others may be entering the same new accounts.
    ids = sorted(connection.execute(accounts(work, now)).scalars())
    if not ids:
        return []
    workers: dict[str, int] = {row.account: row.number for row in connection.execute(_workers(work, now))}
    mine = select(turns.c.account, turns.c.due).where(turns.c.work == work)
    due: dict[str, float] = {row.account: row.due for row in connection.execute(mine)}
    for account in ids:
        if account not in due:
            due[account] = _entered(connection, work, account)
    return [Account(id_, workers.get(id_, 0), shares.get(id_, EVERYBODY), due[id_]) for id_ in ids]


def accounts(work: Work, now: datetime) -> Any:
    """Accounts for which something can be taken. Steps from account to account in the index, however much each has queued."""
    one, next_, mine = passes.alias("one"), passes.alias("next"), passes.alias("mine")
    found = select(func.min(one.c.account).label("account")).where(passes_at(work, one)).cte("found", recursive=True)
    following = select(func.min(next_.c.account)).where(passes_at(work, next_), next_.c.account > found.c.account)
    found = found.union_all(select(following.scalar_subquery()).where(found.c.account.is_not(None)))
    # A scalar with a limit: no planner turns it into a join over everything that is queued.
    any_ = (
        select(mine.c.id)
        .where(passes_at(work, mine), mine.c.account == found.c.account, _free(work, mine, now))
        .limit(1)
    )
    return select(found.c.account).where(found.c.account.is_not(None), any_.scalar_subquery().is_not(None))


def _first(connection: Connection, work: Work, account: str, now: datetime) -> Any:
    """The account's next pass, unless others hold it; level by level, because one index cannot go down in one column and up in another."""
    mine = (passes_at(work, passes), passes.c.account == account)
    for level in _levels(connection, mine):
        ready = select(passes).where(*mine, passes.c.priority == level, _free(work, passes, now))
        ready = ready.order_by(passes.c.served_at, passes.c.id).limit(1).with_for_update(skip_locked=True, of=passes)
        row = connection.execute(ready).mappings().first()
        if row is not None:
            return row
    return None


def _levels(connection: Connection, mine: Sequence[ColumnElement[bool]]) -> Iterator[int]:
    """The priorities of these passes, highest first."""
    highest = select(func.max(passes.c.priority)).where(*mine)
    level = connection.execute(highest).scalar()
    while level is not None:
        yield level
        level = connection.execute(highest.where(passes.c.priority < level)).scalar()


def passes_at(work: Work, table: FromClause) -> ColumnElement[bool]:
    """Passes at which there is such work; as the partial indexes say it, with constants that every planner can compare."""
    state, left = table.c.state, table.c.chunks_left
    if work is Work.PLAN:
        return state == literal_column("'PLANNING'")
    running = state == literal_column("'RUNNING'")
    return and_(running, left > literal_column("0") if work is Work.CHUNK else left == literal_column("0"))


def _free(work: Work, table: FromClause, now: datetime) -> ColumnElement[bool]:
    """Of these passes, those whose work nobody does and that does not rest."""
    if work is not Work.CHUNK:
        return or_(table.c.lease_until.is_(None), table.c.lease_until <= now)
    queued = select(chunks.c.id).where(chunks.c.pass_id == table.c.id, *queued_chunk(now)).correlate(table)
    return queued.exists()


def queued_chunk(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Chunks that a worker may take: queued, and not resting after a failure."""
    rested = or_(chunks.c.lease_until.is_(None), chunks.c.lease_until <= now)
    return (chunks.c.state == ChunkState.QUEUED, rested)


def _workers(work: Work, now: datetime) -> Any:
    """Accounts with the number of workers that are at such work for them."""
    counted = select(passes.c.account, func.count().label("number")).group_by(passes.c.account)
    if work is Work.CHUNK:
        return counted.join(chunks, chunks.c.pass_id == passes.c.id).where(chunks.c.state == ChunkState.RUNNING)
    return counted.where(passes_at(work, passes), passes.c.lease_until > now, passes.c.owner.is_not(None))


def _charged(connection: Connection, work: Work) -> float:
    begun = select(func.max(turns.c.begun)).where(turns.c.work == work)
    return float(connection.execute(begun).scalar() or 0.0)


def _due(connection: Connection, work: Work, account: str) -> float:
    return float(connection.execute(select(turns.c.due).where(*_mine(work, account))).scalar() or 0.0)


def _entered(connection: Connection, work: Work, account: str) -> float:
    """From which charge on its next turn counts."""
    charged = _charged(connection, work)
    if insert_new(connection, turns, {"work": work, "account": account, "begun": 0.0, "due": charged}):
        return charged
    return _due(connection, work, account)


def _locked(connection: Connection, work: Work, account: str) -> bool:
    """Whether nobody else is giving the account a turn, which would count as a worker of it."""
    mine = select(turns.c.account).where(*_mine(work, account)).with_for_update(skip_locked=True)
    return connection.execute(mine).first() is not None


def _mine(work: Work, account: str) -> tuple[ColumnElement[bool], ...]:
    return (turns.c.work == work, turns.c.account == account)
