"""Analysis of one chunk: one decode for all jobs of the pass, under a lease, with progress, harmless to repeat."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from time import perf_counter
from urllib.parse import quote

import structlog
from sqlalchemy import Connection

from pipeline import analyses
from pipeline.analyses.types import Stage
from pipeline.conduct.facts import index_key, media_of, pass_prefix, unpack_index
from pipeline.conduct.lease import Heartbeat
from pipeline.conduct.limits import decode_limits, detecting_threads
from pipeline.conduct.outcome import Outcome, fail_pass, give_back, keep, put_off
from pipeline.conduct.progress import Progress
from pipeline.conduct.reason import told
from pipeline.conduct.stoppable import stoppable
from pipeline.conduct.tally import count_attempt, count_run
from pipeline.conduct.turn import Report, taken
from pipeline.conduct.video import local_video
from pipeline.detect.columns import pack
from pipeline.errors import JobFailed, LeaseLost
from pipeline.jobs.types import Chunk, Job, Pass
from pipeline.media.types import Stretch
from pipeline.models.types import Models
from pipeline.objects.types import NoSuchObjectError, ObjectChangedError
from pipeline.patience import passing, patiently
from pipeline.run import StageResult, run
from pipeline.services import Services
from pipeline.store import jobs, passes
from pipeline.store.metadata import utcnow
from pipeline.store.turns import Work

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Taken:
    """A leased chunk with what it is part of and for whom."""

    chunk: Chunk
    pass_: Pass
    jobs: Sequence[Job]


def analyze_chunk(services: Services, models: Models, worker: str) -> Report | None:
    """What became of the chunk whose turn it was: not done if it was lost on the way; None: no chunk waits."""
    own = taken(services, Work.CHUNK, partial(_claim, services, worker))
    if own is None:
        return None
    chunk = own.chunk
    bound = structlog.contextvars.bound_contextvars(pass_id=chunk.pass_id, chunk_id=chunk.id, attempt=chunk.attempt)
    with bound:
        done = _settled(services, models, own)
    count_attempt(services.counts, chunk, done)
    frames = chunk.stop - chunk.start if done else 0
    return Report(chunk.pass_id, [job.id for job in own.jobs], done, f"{chunk.start}-{chunk.stop}", frames)


def _claim(services: Services, worker: str, connection: Connection, pass_: Pass) -> tuple[_Taken, float] | None:
    """The pass's next chunk, leased, and its frames."""
    now = utcnow()
    until = now + timedelta(seconds=services.settings.lease_s)
    chunk = passes.claim_chunk(connection, pass_.id, worker, now, until)
    if chunk is None:
        return None
    wanted = [job for job in jobs.of_pass(connection, pass_.id) if chunk.operation in {None, job.operation}]
    return _Taken(chunk, pass_, wanted), chunk.stop - chunk.start


def _settled(services: Services, models: Models, own: _Taken) -> bool:
    try:
        outcome = _analyze(services, models, own)
    except LeaseLost:
        log.info("chunk_dropped")
        return False
    except JobFailed as error:
        return fail_pass(services, own.chunk, str(error))
    except Exception as error:
        if isinstance(error, NoSuchObjectError | ObjectChangedError) and not passing(error):
            reason = "The video was removed or replaced while it was being analysed; start the job again."
            return fail_pass(services, own.chunk, reason)
        log.exception("chunk_failed")
        why = told(error)
        return patiently(lambda: put_off(services, own.chunk, why), services.settings.patience_s, "putting off")
    except BaseException:  # the worker is being stopped
        give_back(services, own.chunk)
        raise
    return patiently(lambda: keep(services, own.chunk, outcome), services.settings.patience_s, "keeping")


def _analyze(services: Services, models: Models, own: _Taken) -> Outcome:
    settings, chunk, video = services.settings, own.chunk, own.pass_.video
    progress = Progress(services.engine, chunk, own.jobs, settings.lease_s)
    with Heartbeat(progress.renew, settings.lease_s / 4):
        stages, errors = _stages(own.jobs, models)
        packed = patiently(lambda: services.work.read(index_key(chunk.pass_id)), settings.patience_s, "frame index")
        index = unpack_index(packed)
        with local_video(services, video) as path:
            # From here on a stalled decoder or detector must lose its lease, so that only real progress renews it.
            progress.from_now_on_by_frames()
            wanted, began = list(_once(stages, progress)), perf_counter()
            results = run(
                path,
                media_of(own.pass_.media or {}),
                index,
                Stretch(chunk.start, chunk.stop),
                wanted,
                progress.report,
                limits=decode_limits(settings),
                threads=detecting_threads(settings),
            )
        progress.without_frames()
        count_run(services.counts, wanted, results, perf_counter() - began, detecting_threads(settings))
        found = _packed(services, chunk, results)
    return _outcome(stages, errors, results, found)


def _stages(wanted: Sequence[Job], models: Models) -> tuple[dict[str, Sequence[Stage]], dict[str, Exception]]:
    """Operation -> its stages, or why they cannot be made."""
    parameters: dict[str, list[Mapping[str, object]]] = defaultdict(list)
    for job in wanted:
        parameters[job.operation].append(job.parameters)
    stages: dict[str, Sequence[Stage]] = {}
    errors: dict[str, Exception] = {}
    for operation, requests in parameters.items():
        try:
            stages[operation] = analyses.load(operation).stages(requests, models)
        except Exception as error:  # one analysis that cannot start must not stop the others
            errors[operation] = error
    return stages, errors


def _once(stages: Mapping[str, Sequence[Stage]], progress: Progress) -> Sequence[Stage]:
    """Every stage once, whoever asked for it; it stops when all who did are cancelled."""
    users: dict[str, list[str]] = defaultdict(list)
    by_key: dict[str, Stage] = {}
    for operation, wanted in stages.items():
        for stage in wanted:
            users[stage.lane or stage.key].append(operation)
            by_key.setdefault(stage.key, stage)
    return [stoppable(stage, partial(progress.wants, users[stage.lane or stage.key])) for stage in by_key.values()]


def _packed(services: Services, chunk: Chunk, results: Mapping[str, StageResult]) -> dict[str, str]:
    """Stage key -> where its detections are now."""
    places = {}
    for stage, result in results.items():
        if result.error is None:
            place = f"{pass_prefix(chunk.pass_id)}{chunk.id}/{chunk.attempt}/{quote(stage, safe='')}"
            content = pack(result.found)
            patiently(partial(services.work.put, place, content), services.settings.patience_s, "detections")
            places[stage] = place
    return places


def _outcome(
    stages: Mapping[str, Sequence[Stage]],
    errors: Mapping[str, Exception],
    results: Mapping[str, StageResult],
    found: Mapping[str, str],
) -> Outcome:
    """What is kept: an operation counts as done when all of its stages are."""
    done, failed = {}, dict(errors)
    for operation, wanted in stages.items():
        error = next((results[stage.key].error for stage in wanted if stage.key not in found), None)
        if error is None:
            done[operation] = {stage.key: found[stage.key] for stage in wanted}
        elif isinstance(error, Exception):
            failed[operation] = error
    return Outcome(done, failed)
