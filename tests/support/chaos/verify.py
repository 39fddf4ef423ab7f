"""What must hold when all faults are healed and all work is done; every check names what breaks it."""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from tests.support.chaos.installation import Installation
from tests.support.chaos.load import Accepted, Caller, Load, Task, digest
from tests.support.chaos.subscribers import Subscriber

HONEST = re.compile(r"Last error: |vanished|died every time|could not be put together|could not be opened in \d+ tries")
"""What a StatusMessage says when the fault, and not the video, was the reason."""


@dataclass(slots=True)
class Findings:
    """What was counted, and what is wrong.

    Attributes:
        numbers: Name -> count, in the order of the report.
        wrong: One line per thing that must not be.
    """

    numbers: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def must_be_none(self, name: str, cases: Sequence[str]) -> None:
        """Counts cases of what must not be."""
        self.numbers[name] = len(cases)
        self.wrong += [f"{name}: {case}" for case in cases]


def steady(check: Callable[[], Any], timeout_s: float, poll_s: float = 0.5) -> Any:
    """The first empty answer of `check`, or its last one in the time; databases that are away meanwhile are asked again."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            found = check()
        except (SQLAlchemyError, ClientError, BotoCoreError) as error:
            found = [f"cannot be told: {error}"]
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(poll_s)


def check_jobs(
    installation: Installation, load: Load, truth: dict[Task, str], findings: Findings, timeout_s: float
) -> None:
    """Every accepted job has ended, and what succeeded is what an undisturbed run found."""
    callers = {job.account: Caller(installation, job.account, Random(1)) for job in load.accepted}
    open_jobs = list(load.accepted)

    def still_open() -> list[Accepted]:
        open_jobs[:] = [job for job in open_jobs if callers[job.account].state(job.task, job.id) == "IN_PROGRESS"]
        return open_jobs

    lost = steady(still_open, timeout_s)
    ended = [job for job in load.accepted if job not in lost]
    failed, wrong, unfair = [], [], []
    for job in ended:
        answer = callers[job.account].call(f"get_{job.task.operation}", JobId=job.id, MaxResults=1)
        if answer["JobStatus"] == "FAILED":
            failed.append(job)
            reason = answer.get("StatusMessage", "")
            findings.reasons.append(reason)
            if not HONEST.search(reason):
                unfair.append(f"{job.task.name} {job.id[:8]}: {reason!r}")
        elif digest(callers[job.account], job.task, job.id) != truth[job.task]:
            wrong.append(f"{job.task.name} {job.id[:8]}")
    findings.numbers |= {
        "jobs accepted": len(load.accepted),
        "jobs succeeded": len(ended) - len(failed),
        "jobs failed, naming the fault": len(failed) - len(unfair),
    }
    findings.must_be_none("jobs failed without naming the fault", unfair)
    findings.must_be_none("jobs lost", [f"{job.task.name} {job.id[:8]}" for job in lost])
    findings.must_be_none("results wrong", wrong)


def check_tokens(engine: Engine, load: Load, known: set[str], findings: Findings) -> None:
    """One job per token, and none that nobody knows of."""
    with engine.connect() as connection:
        ids = set(connection.execute(text("SELECT id FROM jobs")).scalars())
    findings.numbers["requests repeated with their token"] = load.repeated
    findings.must_be_none("tokens with two jobs", ["see log"] * load.doubled)
    unseen = ids - known - {job.id for job in load.accepted}
    findings.must_be_none("jobs that run unseen", [job[:8] for job in sorted(unseen)])


def check_notifications(
    load: Load, topics_of: dict[str, list[Subscriber]], findings: Findings, timeout_s: float
) -> None:
    """Every living subscriber has heard of every job, under one MessageId."""
    pairs = [(job, one) for job in load.accepted for one in topics_of[job.account] if not one.dead]
    missing = steady(lambda: [(job, one) for job, one in pairs if job.id not in one.heard], timeout_s)
    heard = [one.heard.get(job.id, []) for job, one in pairs]
    findings.numbers |= {
        "notifications expected": len(pairs),
        "notifications delivered": len(pairs) - len(missing),
        "duplicate deliveries": sum(max(0, len(ids) - 1) for ids in heard),
    }
    findings.must_be_none("notifications missing", [f"{job.id[:8]} for {one.name}" for job, one in missing])
    twice = [job.id[:8] for job in load.accepted if len(_ids(job, topics_of[job.account])) > 1]
    findings.must_be_none("jobs with two MessageIds", twice)
    states = [one.states[job.id] for job, one in pairs if job.id in one.heard]
    findings.must_be_none("jobs announced with two states", [str(state) for state in states if len(state) > 1])


def _ids(job: Accepted, subscribers: Sequence[Subscriber]) -> set[str]:
    return {message for one in subscribers for message in one.heard.get(job.id, ())}


def check_rows(engine: Engine, findings: Findings, timeout_s: float) -> None:
    """Nothing is left in the database that waits or is held."""

    def left() -> list[str]:
        with engine.connect() as connection:
            return [
                f"{row[0]} {row[1]}" for query in ORPHANS.values() for row in connection.execute(text(query)).fetchall()
            ]

    findings.must_be_none("orphan rows", steady(left, timeout_s))
    with engine.connect() as connection:
        dead = connection.execute(text("SELECT count(*) FROM deliveries WHERE state = 'DEAD'")).scalar_one()
    findings.numbers["dead letters of the dead subscriber"] = int(dead)


ORPHANS = {
    "passes": "SELECT 'pass', id FROM passes",
    "chunks": "SELECT 'chunk', id FROM chunks",
    "leases": "SELECT 'lease of a delivery', notification_id FROM deliveries WHERE state = 'PENDING' AND lease_until IS NOT NULL",
    "jobs": "SELECT 'open job', id FROM jobs WHERE state IN ('QUEUED', 'RUNNING')",
    "results": "SELECT 'results without job', job_id FROM result_sets WHERE job_id NOT IN (SELECT id FROM jobs)",
    "deliveries": "SELECT 'pending delivery', d.notification_id FROM deliveries d "
    "LEFT JOIN subscriptions s ON s.arn = d.subscription_arn WHERE d.state = 'PENDING'",
}
"""What -> query of the rows that must not be left."""


def check_files(installation: Installation, engine: Engine, findings: Findings, timeout_s: float) -> None:
    """Our own objects are the results that the database knows, and nothing else."""

    def left() -> list[str]:
        with engine.connect() as connection:
            known = set(connection.execute(text("SELECT object_key FROM result_sets")).scalars())
        parents = {part for key in known for part in _parents(key)} | {"results", "passes"}
        return [key for key in installation.work_keys() if key not in known | parents]

    findings.must_be_none("orphan objects", steady(left, timeout_s))


def _parents(key: str) -> list[str]:
    parts = key.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]
