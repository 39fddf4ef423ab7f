"""What attempts that came to nothing have left; every function works inside the caller's transaction."""

from sqlalchemy import Connection, select

from pipeline.jobs.types import JobState
from pipeline.store.schema import jobs, passes, result_sets

PLANNED_AND_FINISHED = 2
"""Attempts of a pass with which nothing went wrong: one plans it, one finishes it."""


def unseen_results(connection: Connection, pass_id: str) -> list[tuple[str, list[str]]]:
    """Ids of the jobs of a pass that is over, each with those attempts to finish it, as results name them, of which nothing is shown."""
    query = select(jobs.c.id, jobs.c.attempt, jobs.c.state, passes.c.attempt.label("last"))
    query = query.join(passes, passes.c.id == jobs.c.pass_id).where(passes.c.id == pass_id)
    unseen = []
    for row in connection.execute(query).all():
        if row.last > PLANNED_AND_FINISHED or row.state != JobState.SUCCEEDED:
            keys = connection.execute(select(result_sets.c.object_key).where(result_sets.c.job_id == row.id)).scalars()
            shown = {key.split("/")[-2] for key in keys}
            attempts = [f"{row.attempt}-{number}" for number in range(1, row.last + 1)]
            unseen.append((row.id, [attempt for attempt in attempts if attempt not in shown]))
    return unseen
