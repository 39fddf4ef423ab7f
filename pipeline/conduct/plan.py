"""Planning: queued jobs of one video become a pass, the pass is probed and cut into chunks."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import Connection

from pipeline.conduct.facts import index_key, media_values, pack_index, video_metadata
from pipeline.conduct.lease import Heartbeat
from pipeline.conduct.limits import decode_limits
from pipeline.conduct.reason import told
from pipeline.conduct.settle import fail_jobs, settle_pass
from pipeline.conduct.turn import Report, rested, taken
from pipeline.conduct.video import local_video
from pipeline.errors import JobFailed, LeaseLost
from pipeline.jobs.planning import stretches
from pipeline.jobs.types import Job, JobState, Pass, PassState
from pipeline.media.probe import probe
from pipeline.media.types import MediaInfo
from pipeline.objects.types import NoSuchObjectError, ObjectChangedError
from pipeline.patience import passing, patiently
from pipeline.process import process_name
from pipeline.services import Services
from pipeline.store import jobs, passes, turns
from pipeline.store.engine import reading, writing
from pipeline.store.metadata import utcnow
from pipeline.store.turns import Work

GATHERED = 1000
"""Jobs that one transaction puts into passes, at most: others who write want their turn."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Planning:
    """What one call of `plan` did.

    Attributes:
        report: Of the pass that was planned, if there was one.
        wait_s: Seconds until the next job has lingered, 0 when none waits.
    """

    report: Report | None
    wait_s: float


def plan(services: Services, now: datetime | None = None) -> Planning:
    """Puts all jobs that have lingered into passes, and plans the one pass whose turn it is; asks for another call while more wait."""
    _gather(services, now or utcnow())
    pass_ = taken(services, Work.PLAN, partial(_claim, services))
    report = None if pass_ is None else _planned(services, pass_)
    wait_s = _wait_s(services)
    with reading(services.engine) as connection:
        more = turns.more(connection, Work.PLAN, utcnow())
    if more or (report and wait_s):
        services.queue.wake_plan()
    return Planning(report, wait_s)


def _gather(services: Services, now: datetime) -> None:
    """Puts queued jobs into passes: all jobs of a video as soon as the first of them has lingered."""
    ripe = now - timedelta(seconds=services.settings.linger_s)
    while _gathered(services, ripe, now):
        pass


def _gathered(services: Services, ripe: datetime, now: datetime) -> bool:
    """Whether more jobs may be ripe than this transaction took."""
    took = 0
    with writing(services.engine) as connection:
        waiting = jobs.waiting(connection, GATHERED)
        for group in _groups(waiting):
            # Who came in the future came before the clock was put back, and waits no longer.
            if ripe < min(job.created_at for job in group) <= now:
                continue
            first = group[0]
            pass_id = passes.add(connection, first.account, first.video, max(job.priority for job in group), now)
            for job in group:
                jobs.join(connection, job, pass_id)
            took += len(group)
    return took == GATHERED


def _groups(waiting: Iterable[Job]) -> Iterable[list[Job]]:
    """Jobs of one account that see the same content, by account: transactions that enter new accounts must do so in one order."""
    groups: dict[object, list[Job]] = defaultdict(list)
    for job in waiting:
        groups[job.account, job.video].append(job)
    return sorted(groups.values(), key=lambda group: group[0].account)


def _wait_s(services: Services) -> float:
    with reading(services.engine) as connection:
        oldest = jobs.oldest_waiting(connection)
    if oldest is None:
        return 0.0
    left = oldest + timedelta(seconds=services.settings.linger_s) - utcnow()
    return max(min(left.total_seconds(), services.settings.linger_s), 0.001)


def _claim(services: Services, connection: Connection, pass_: Pass) -> tuple[Pass, float] | None:
    """The pass, leased; every probe is charged alike."""
    now, lease = utcnow(), timedelta(seconds=services.settings.lease_s)
    claimed = passes.claim(connection, pass_.id, PassState.PLANNING, process_name(), now, now + lease)
    return None if claimed is None else (claimed, 1.0)


def _planned(services: Services, pass_: Pass) -> Report:
    """What became of the pass."""
    with reading(services.engine) as connection:
        ids = [job.id for job in jobs.of_pass(connection, pass_.id)]
    cut = _tried(services, pass_)
    return Report(pass_.id, ids, cut is not None, chunks=cut)


def _tried(services: Services, pass_: Pass) -> int | None:
    """The number of chunks, 0 of a video that cannot be analysed; None: the pass is to be planned again."""
    if pass_.attempt > services.settings.max_attempts:
        return _fail(services, pass_, "The video could not be opened: the process that read it died every time.")
    try:
        return _plan_pass(services, pass_)
    except JobFailed as error:
        return _fail(services, pass_, str(error))
    except LeaseLost:
        log.info("planning_dropped", pass_id=pass_.id)
        return None
    except Exception as error:
        if isinstance(error, NoSuchObjectError | ObjectChangedError) and not passing(error):
            reason = "The video was removed or replaced while the job waited; start the job again."
            return _fail(services, pass_, reason)
        log.exception("planning_failed", pass_id=pass_.id, attempt=pass_.attempt)
        return _put_off(services, pass_, error)
    except BaseException:  # the worker is being stopped
        with writing(services.engine) as connection:
            passes.release(connection, pass_)
        services.queue.wake_plan()
        raise


def _put_off(services: Services, pass_: Pass, error: Exception) -> int | None:
    """The sweeper wakes planning again, until the pass has failed as often as it may; other passes must not suffer."""
    if pass_.attempt >= services.settings.max_attempts:
        return _fail(
            services, pass_, f"The video could not be opened in {pass_.attempt} tries. Last error: {told(error)}"
        )
    with writing(services.engine) as connection:
        passes.release(connection, pass_, rests_until=rested(services.settings, utcnow()))
    return None


def _plan_pass(services: Services, pass_: Pass) -> int:
    settings, video = services.settings, pass_.video
    where = (video.bucket, video.name, video.version)

    def renew() -> bool:
        with writing(services.engine) as connection:
            return passes.renew(connection, pass_, utcnow() + timedelta(seconds=settings.lease_s))

    with Heartbeat(renew, settings.lease_s / 4) as lease:
        info = patiently(lambda: services.objects.head(*where), settings.patience_s, "facts of the video")
        # What counts is the object as it is now; chunks insist on this one.
        video = replace(video, etag=info.etag, size_bytes=info.size_bytes)
        with local_video(services, video) as path:
            media, index = probe(path, decode_limits(settings))
        lease.check()
        packed = pack_index(index)
        patiently(lambda: services.work.put(index_key(pass_.id), packed), settings.patience_s, "frame index")
    cuts = [(stretch.start, stretch.stop) for stretch in stretches(media, index, settings.chunk_s)]
    _run(services, replace(pass_, video=video), media, cuts)
    return len(cuts)


def _run(services: Services, pass_: Pass, media: MediaInfo, cuts: Sequence[tuple[int, int]]) -> None:
    """Opens the pass to the workers, in one transaction."""
    now = utcnow()
    with writing(services.engine) as connection:
        passes.lock(connection, pass_.id)
        if not passes.planned(connection, pass_, pass_.video, media_values(media), cuts, now):
            raise LeaseLost
        for job in jobs.of_pass(connection, pass_.id):
            jobs.move(connection, job, JobState.RUNNING, started_at=now, video_metadata=video_metadata(media))
        settle_pass(services, connection, pass_.id, now)
    log.info("pass_planned", pass_id=pass_.id, chunks=len(cuts), frames=cuts[-1][1])
    for _ in cuts:
        services.queue.wake_chunk()


def _fail(services: Services, pass_: Pass, reason: str) -> int:
    """Ends the jobs of the pass, which then has no chunks."""
    now = utcnow()
    with writing(services.engine) as connection:
        passes.lock(connection, pass_.id)
        if passes.renew(connection, pass_, now):
            fail_jobs(services, connection, jobs.of_pass(connection, pass_.id), reason, now)
            settle_pass(services, connection, pass_.id, now)
    services.queue.wake_delivery()
    return 0
