"""Walks jobs through planning, analysis and finishing in this process, as woken workers do."""

import json
from typing import Any

from pipeline.catalog import Operation
from pipeline.conduct.answer import answer
from pipeline.conduct.chunk import analyze_chunk
from pipeline.conduct.finish import finish_pass
from pipeline.conduct.plan import plan
from pipeline.conduct.submit import submit
from pipeline.jobs.types import Job
from pipeline.services import Services
from pipeline.store import jobs
from pipeline.store.engine import reading
from tests.support.brightness import NoModels
from tests.support.jobs_installation import ACCOUNT, RememberingQueue

WORKER = "test-worker"
VIDEO = {"S3Object": {"Bucket": "videos", "Name": "clip.mp4"}}


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
            analyze_chunk(services, NoModels(), queue.chunks.pop(0), WORKER)
        while queue.finishes:
            finish_pass(services, queue.finishes.pop(0), WORKER)


def job(services: Services, job_id: str) -> Job:
    """The job as the database has it."""
    with reading(services.engine) as connection:
        found = jobs.find(connection, job_id)
    assert found is not None
    return found


def items(services: Services, operation: Operation, job_id: str) -> list[dict[str, Any]]:
    """The items on the first page of a finished job."""
    page = answer(services, ACCOUNT, operation, {"JobId": job_id})
    assert page.members["JobStatus"] == "SUCCEEDED", page.members
    found: list[dict[str, Any]] = json.loads(b"[" + page.items + b"]")
    return found
