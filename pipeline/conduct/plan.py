"""Planning: queued jobs of one video become a pass, the pass is probed and cut into chunks."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from pipeline.conduct.facts import index_key, media_values, pack_index, video_metadata
from pipeline.conduct.lease import Heartbeat
from pipeline.conduct.limits import decode_limits
from pipeline.conduct.settle import fail_jobs, settle_pass
from pipeline.errors import JobFailed, LeaseLost
from pipeline.jobs.planning import stretches
from pipeline.jobs.types import Job, JobState, Pass, PassState
from pipeline.media.probe import probe
from pipeline.media.types import MediaInfo
from pipeline.objects.types import NoSuchObjectError, ObjectChangedError
from pipeline.process import process_name
from pipeline.services import Services
from pipeline.store import jobs, passes, sweeping
from pipeline.store.engine import reading, writing
from pipeline.store.metadata import utcnow

log = structlog.get_logger()


def plan(services: Services, now: datetime | None = None) -> float:
    """Plans all jobs that have lingered; seconds until the next one has, 0 when none waits."""
    now = now or utcnow()
    _gather(services, now)
    with reading(services.engine) as connection:
        unplanned = sweeping.unplanned_passes(connection, now)
    for pass_id in unplanned:
        _take(services, pass_id)
    return _wait_s(services)


def _gather(services: Services, now: datetime) -> None:
    """Puts queued jobs into passes: all jobs of a video as soon as the first of them has lingered."""
    ripe = now - timedelta(seconds=services.settings.linger_s)
    with writing(services.engine) as connection:
        for group in _groups(jobs.waiting(connection)):
            if min(job.created_at for job in group) > ripe:
                continue
            pass_id = passes.add(connection, group[0].video, max(job.priority for job in group), now)
            for job in group:
                jobs.join(connection, job, pass_id)


def _groups(waiting: Iterable[Job]) -> Iterable[list[Job]]:
    """Jobs of one account that see the same content, most urgent group first."""
    groups: dict[object, list[Job]] = defaultdict(list)
    for job in waiting:
        groups[job.account, job.video].append(job)
    return groups.values()


def _wait_s(services: Services) -> float:
    with reading(services.engine) as connection:
        waiting = jobs.waiting(connection)
    if not waiting:
        return 0.0
    oldest = min(job.created_at for job in waiting)
    left = oldest + timedelta(seconds=services.settings.linger_s) - utcnow()
    return max(left.total_seconds(), 0.001)


def _take(services: Services, pass_id: str) -> None:
    """Plans a pass unless somebody else does."""
    now, lease = utcnow(), timedelta(seconds=services.settings.lease_s)
    with writing(services.engine) as connection:
        pass_ = passes.claim(connection, pass_id, PassState.PLANNING, process_name(), now, now + lease)
    if pass_ is None:
        return
    if pass_.attempt > services.settings.max_attempts:
        _fail(services, pass_, "The video could not be opened: the process that read it died every time.")
        return
    try:
        _plan_pass(services, pass_)
    except JobFailed as error:
        _fail(services, pass_, str(error))
    except (NoSuchObjectError, ObjectChangedError):
        _fail(services, pass_, "The video was removed or replaced while the job waited; start the job again.")
    except LeaseLost:
        log.info("planning_dropped", pass_id=pass_.id)
    except Exception as error:
        log.exception("planning_failed", pass_id=pass_.id, attempt=pass_.attempt)
        _put_off(services, pass_, error)
    except BaseException:  # the worker is being stopped
        with writing(services.engine) as connection:
            passes.release(connection, pass_, counts=False)
        services.queue.wake_plan()
        raise


def _put_off(services: Services, pass_: Pass, error: Exception) -> None:
    """The sweeper wakes planning again, until the pass has failed as often as it may; other passes must not suffer."""
    if pass_.attempt >= services.settings.max_attempts:
        last = f"{type(error).__name__}: {error}"
        _fail(services, pass_, f"The video could not be opened in {pass_.attempt} tries. Last error: {last}")
        return
    with writing(services.engine) as connection:
        passes.release(connection, pass_)


def _plan_pass(services: Services, pass_: Pass) -> None:
    settings, video = services.settings, pass_.video

    def renew() -> bool:
        with writing(services.engine) as connection:
            return passes.renew(connection, pass_, utcnow() + timedelta(seconds=settings.lease_s))

    with Heartbeat(renew, settings.lease_s / 4) as lease:
        info = services.objects.head(video.bucket, video.name, video.version)
        # What counts is the object as it is now; chunks insist on this one.
        video = replace(video, etag=info.etag, size_bytes=info.size_bytes)
        with services.objects.local_path(video.bucket, video.name, video.etag, video.version) as path:
            media, index = probe(path, decode_limits(settings))
        lease.check()
        services.work.put(index_key(pass_.id), pack_index(index))
    cuts = [(stretch.start, stretch.stop) for stretch in stretches(media, index, settings.chunk_s)]
    _run(services, replace(pass_, video=video), media, cuts)


def _run(services: Services, pass_: Pass, media: MediaInfo, cuts: Sequence[tuple[int, int]]) -> None:
    """Opens the pass to the workers, in one transaction."""
    now = utcnow()
    with writing(services.engine) as connection:
        passes.lock(connection, pass_.id)
        if not passes.planned(connection, pass_, pass_.video, media_values(media), cuts):
            raise LeaseLost
        for job in jobs.of_pass(connection, pass_.id):
            jobs.move(connection, job, JobState.RUNNING, started_at=now, video_metadata=video_metadata(media))
        settle_pass(services, connection, pass_.id, now)
        asleep = passes.chunks_of(connection, pass_.id)
        sweeping.mark_chunks(connection, [chunk.id for chunk in asleep], now)
    log.info("pass_planned", pass_id=pass_.id, chunks=len(cuts), frames=cuts[-1][1])
    for chunk in asleep:
        services.queue.wake_chunk(chunk.id, pass_.priority)


def _fail(services: Services, pass_: Pass, reason: str) -> None:
    now = utcnow()
    with writing(services.engine) as connection:
        passes.lock(connection, pass_.id)
        if passes.renew(connection, pass_, now):
            fail_jobs(services, connection, jobs.of_pass(connection, pass_.id), reason, now)
            settle_pass(services, connection, pass_.id, now)
    services.queue.wake_delivery()
