"""Jobs and their result sets in the database; every function works inside the caller's transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, insert, literal_column, select, update

from pipeline.jobs.types import OPEN_JOBS, Job, JobState, sources
from pipeline.store.rows import job_of, job_values
from pipeline.store.schema import jobs, result_sets

OPEN_JOBS_LOCK = 723501928
"""Any number that no other program locks in the same database."""

# What every request asks, built once: that takes as long as asking.
_ADD, _ADD_RESULTS = insert(jobs), insert(result_sets)
_FIND = select(jobs).where(jobs.c.id == bindparam("job"))
_FIND_BY_TOKEN = select(jobs).where(
    jobs.c.account == bindparam("account"),
    jobs.c.operation == bindparam("operation"),
    jobs.c.token == bindparam("token"),
)
_FIND_RESULTS = select(result_sets).where(
    result_sets.c.job_id == bindparam("job"),
    result_sets.c.sort_by == bindparam("sort"),
    result_sets.c.aggregate == bindparam("view"),
)


@dataclass(frozen=True, slots=True)
class ResultSet:
    """The items of a job in one order and aggregation.

    Attributes:
        sort_by: SortBy value.
        aggregate: AggregateBy value.
        object_key: Where the items are in the work store.
        items: How many there are.
        offsets: Byte offset of every frame of items, and the end.
    """

    sort_by: str
    aggregate: str
    object_key: str
    items: int
    offsets: Sequence[int]


def add(connection: Connection, job: Job) -> None:
    """Keeps a new job.

    Raises:
        sqlalchemy.exc.IntegrityError: its token lives already.
    """
    connection.execute(_ADD, job_values(job))


def find(connection: Connection, job_id: str) -> Job | None:
    """The job with this id."""
    row = connection.execute(_FIND, {"job": job_id}).mappings().first()
    return None if row is None else job_of(row)


def find_by_token(connection: Connection, account: str, operation: str, token: str) -> Job | None:
    """The job submitted with this token."""
    mine = {"account": account, "operation": operation, "token": token}
    row = connection.execute(_FIND_BY_TOKEN, mine).mappings().first()
    return None if row is None else job_of(row)


def forget_token(connection: Connection, job: Job, before: datetime) -> None:
    """Frees the token of a new job where the job that has it was submitted before this moment."""
    if job.token is None:  # others without one are none of its business, however many there are
        return
    same = (jobs.c.account == job.account, jobs.c.operation == job.operation, jobs.c.token == job.token)
    connection.execute(update(jobs).where(*same, jobs.c.created_at <= before).values(token=None))


def forget_tokens(connection: Connection, before: datetime) -> int:
    """How many tokens of jobs submitted before this moment were freed for another use."""
    dead = update(jobs).where(jobs.c.token.is_not(None), jobs.c.created_at <= before)
    return connection.execute(dead.values(token=None)).rowcount


def listed(connection: Connection, account: str | None, state: JobState | None, limit: int) -> list[Job]:
    """Jobs, newest first."""
    query = select(jobs).order_by(jobs.c.created_at.desc(), jobs.c.id).limit(limit)
    if account is not None:
        query = query.where(jobs.c.account == account)
    if state is not None:
        query = query.where(jobs.c.state == state.value)
    return [job_of(row) for row in connection.execute(query).mappings()]


def of_pass(connection: Connection, pass_id: str) -> list[Job]:
    """The open jobs of a pass, oldest first."""
    mine = (jobs.c.pass_id == pass_id, jobs.c.state.in_(OPEN_JOBS))
    rows = connection.execute(select(jobs).where(*mine).order_by(jobs.c.created_at, jobs.c.id))
    return [job_of(row) for row in rows.mappings()]


def move(connection: Connection, job: Job, target: JobState, **values: Any) -> bool:
    """Whether the job moved; not if somebody else moved it since it was read."""
    unchanged = (jobs.c.id == job.id, jobs.c.attempt == job.attempt, jobs.c.state.in_(sources(target)))
    return connection.execute(update(jobs).where(*unchanged).values(state=target.value, **values)).rowcount == 1


def add_results(connection: Connection, job_id: str, results: Sequence[ResultSet]) -> None:
    """Makes result sets visible, instead of any the job had."""
    connection.execute(delete(result_sets).where(result_sets.c.job_id == job_id))
    for result in results:
        row = {name: getattr(result, name) for name in ("sort_by", "aggregate", "object_key", "items")}
        connection.execute(_ADD_RESULTS, {"job_id": job_id, **row, "offsets": list(result.offsets)})


def find_results(connection: Connection, job_id: str, sort_by: str, aggregate: str) -> ResultSet | None:
    """The result set of a job in this order and aggregation."""
    wanted = {"job": job_id, "sort": sort_by, "view": aggregate}
    row = connection.execute(_FIND_RESULTS, wanted).mappings().first()
    return None if row is None else _result_set(row)


def expired(connection: Connection, now: datetime, limit: int) -> list[str]:
    """Ids of jobs that are to be forgotten."""
    query = select(jobs.c.id).where(jobs.c.expires_at <= now).order_by(jobs.c.expires_at).limit(limit)
    return list(connection.execute(query).scalars())


def forget(connection: Connection, job_ids: Sequence[str], now: datetime) -> None:
    """Removes jobs with their result sets, unless they were retried in the meantime."""
    connection.execute(delete(jobs).where(jobs.c.id.in_(job_ids), jobs.c.expires_at <= now))


def waiting(connection: Connection, limit: int) -> list[Job]:
    """Queued jobs that are part of no pass and that no other transaction is taking, oldest first."""
    query = select(jobs).where(*_unplanned()).order_by(jobs.c.created_at).limit(limit)
    return [job_of(row) for row in connection.execute(query.with_for_update(skip_locked=True)).mappings()]


def lock_account(connection: Connection, account: str) -> None:
    """Nobody else who asks for this goes on for the account until the transaction ends; on SQLite nobody else writes anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(OPEN_JOBS_LOCK, func.hashtext(account))))


def count_open(connection: Connection, account: str) -> int:
    """How many jobs of the account have not ended."""
    is_open = jobs.c.state.in_(
        [literal_column("'QUEUED'"), literal_column("'RUNNING'")]
    )  # as the partial index says it
    mine = select(func.count()).select_from(jobs).where(jobs.c.account == account, is_open)
    return int(connection.execute(mine).scalar_one())


def rank(connection: Connection, job_id: str, priority: int) -> str | None:
    """Gives an open job another priority; the pass that it is part of."""
    mine = update(jobs).where(jobs.c.id == job_id, jobs.c.state.in_(OPEN_JOBS)).values(priority=priority)
    return connection.execute(mine.returning(jobs.c.pass_id)).scalar()


def oldest_waiting(connection: Connection) -> datetime | None:
    """When the oldest job that is part of no pass was submitted."""
    return connection.execute(select(func.min(jobs.c.created_at)).where(*_unplanned())).scalar()


def join(connection: Connection, job: Job, pass_id: str) -> None:
    """Makes a waiting job part of a pass; what the pass writes for it carries the new attempt."""
    mine = (jobs.c.id == job.id, jobs.c.pass_id.is_(None))
    connection.execute(update(jobs).where(*mine).values(pass_id=pass_id, attempt=job.attempt + 1))


def _unplanned() -> tuple[ColumnElement[bool], ...]:
    """As the partial index says it, with constants that every planner can compare."""
    return (jobs.c.state == literal_column("'QUEUED'"), jobs.c.pass_id.is_(None))


def _result_set(row: Mapping[Any, Any]) -> ResultSet:
    return ResultSet(row["sort_by"], row["aggregate"], row["object_key"], row["items"], row["offsets"])
