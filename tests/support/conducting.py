"""Walks jobs through planning, analysis and finishing in this process, as woken workers do."""

import json
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update

from pipeline.catalog import Operation
from pipeline.conduct.answer import answer
from pipeline.conduct.chunk import analyze_chunk
from pipeline.conduct.finish import finish_pass
from pipeline.conduct.plan import plan
from pipeline.conduct.submit import submit
from pipeline.jobs.types import Chunk, ChunkState, Job
from pipeline.services import Services
from pipeline.store import jobs
from pipeline.store.engine import reading, writing
from pipeline.store.metadata import utcnow
from pipeline.store.passes import find_chunk
from pipeline.store.schema import chunks, passes
from tests.support.brightness import NoModels
from tests.support.jobs_installation import ACCOUNT, RememberingQueue
from tests.support.small_video import write_video

WORKER = "test-worker"
VIDEO = {"S3Object": {"Bucket": "videos", "Name": "clip.mp4"}}
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:done"
CHANNEL = {"SNSTopicArn": TOPIC, "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/any"}


def furnish(services: Services) -> None:
    """Puts the clip and the topic there."""
    write_video(services.settings.buckets_path / "videos" / "clip.mp4")
    with writing(services.engine) as connection:
        services.topics.create(connection, TOPIC, {}, {}, utcnow())


def start(services: Services, operation: Operation, **members: Any) -> str:
    """The id of a new job for the clip."""
    return submit(services, ACCOUNT, operation, {"Video": VIDEO, **members})["JobId"]


def drain(services: Services, queue: RememberingQueue) -> None:
    """Acts on all wake-ups until none is left."""
    while queue.plans or queue.chunks or queue.finishes:
        if queue.plans:
            queue.plans = 0
            plan(services)
        while queue.chunks:
            queue.chunks -= 1
            analyze(services)
        while queue.finishes:
            queue.finishes -= 1
            finish(services)


def analyze(services: Services, worker: str = WORKER) -> bool:
    """Whether the chunk whose turn it is was settled; False: no chunk waits."""
    report = analyze_chunk(services, NoModels(), worker)
    return report is not None and report.done


def finish(services: Services) -> bool:
    """Whether the pass whose turn it is was finished; False: no pass waits."""
    report = finish_pass(services, WORKER)
    return report is not None and report.done


def rest(services: Services) -> None:
    """Lets what rests after a failure have rested long enough."""
    past = {"lease_until": utcnow() - timedelta(days=1)}
    with writing(services.engine) as connection:
        connection.execute(update(chunks).where(chunks.c.state == ChunkState.QUEUED).values(past))
        connection.execute(update(passes).where(passes.c.owner.is_(None)).values(past))


def chunk_ids(services: Services) -> list[str]:
    """The chunks that wait, in the order of the video."""
    with reading(services.engine) as connection:
        query = select(chunks.c.id).where(chunks.c.state == ChunkState.QUEUED).order_by(chunks.c.start, chunks.c.id)
        return list(connection.execute(query).scalars())


def claim(services: Services, chunk_id: str, until: datetime) -> Chunk:
    """The chunk, taken by a worker that is then heard of no more."""
    with writing(services.engine) as connection:
        mine = update(chunks).where(chunks.c.id == chunk_id, chunks.c.state == ChunkState.QUEUED)
        values = {"state": ChunkState.RUNNING, "owner": "killed", "lease_until": until}
        assert connection.execute(mine.values(**values, attempt=chunks.c.attempt + 1)).rowcount == 1
        found = find_chunk(connection, chunk_id)
    assert found is not None
    return found


def job(services: Services, job_id: str) -> Job:
    """The job as the database has it."""
    with reading(services.engine) as connection:
        found = jobs.find(connection, job_id)
    assert found is not None
    return found


def count(services: Services, table: Any) -> int:
    """Rows of the table."""
    with reading(services.engine) as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def items(services: Services, operation: Operation, job_id: str, account: str = ACCOUNT) -> list[dict[str, Any]]:
    """The items on the first page of a finished job."""
    page = answer(services, account, operation, {"JobId": job_id})
    assert page.members["JobStatus"] == "SUCCEEDED", page.members
    found: list[dict[str, Any]] = json.loads(b"[" + page.items + b"]")
    return found
