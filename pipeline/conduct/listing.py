"""Jobs as an operator sees them, with their progress."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.jobs.types import Chunk, ChunkState, Job, JobState
from pipeline.services import Services
from pipeline.store import jobs, passes
from pipeline.store.engine import reading


@dataclass(frozen=True, slots=True)
class JobView:
    """A job and how far it is.

    Attributes:
        job: The job.
        frames_done: Frames analysed for it.
        frames_planned: Frames to analyse; 0 while this is not known.
    """

    job: Job
    frames_done: int
    frames_planned: int

    @property
    def ratio(self) -> float:
        """Progress from 0 to 1."""
        if self.job.state is JobState.SUCCEEDED:
            return 1.0
        return self.frames_done / self.frames_planned if self.frames_planned else 0.0


def list_jobs(
    services: Services, account: str | None = None, state: JobState | None = None, limit: int = 100
) -> list[JobView]:
    """The newest jobs, of one account or of all."""
    with reading(services.engine) as connection:
        found = jobs.listed(connection, account, state, limit)
        chunks = {pass_id: passes.chunks_of(connection, pass_id) for pass_id in {j.pass_id for j in found if j.pass_id}}
    return [_view(job, chunks.get(job.pass_id or "", [])) for job in found]


def show_job(services: Services, job_id: str) -> JobView | None:
    """One job; None: no such job."""
    with reading(services.engine) as connection:
        job = jobs.find(connection, job_id)
        if job is None:
            return None
        return _view(job, passes.chunks_of(connection, job.pass_id) if job.pass_id else [])


def _view(job: Job, chunks: Iterable[Chunk]) -> JobView:
    """Progress by stretch: what a chunk of the job's own analysis did counts beside what the shared one did."""
    done: dict[tuple[int, int], int] = defaultdict(int)
    for chunk in chunks:
        if chunk.operation in {None, job.operation}:
            stretch = (chunk.start, chunk.stop)
            done[stretch] = max(done[stretch], _frames_done(job, chunk))
    return JobView(job, sum(done.values()), sum(stop - start for start, stop in done))


def _frames_done(job: Job, chunk: Chunk) -> int:
    """Frames that count for this job."""
    if chunk.state is ChunkState.DONE:
        return chunk.stop - chunk.start if job.operation in chunk.found else 0
    return min(chunk.frames_done, chunk.stop - chunk.start) if chunk.state is ChunkState.RUNNING else 0
