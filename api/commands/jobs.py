"""`reelsight jobs`: what is running, how far it is, and ways to stop it or try again."""

import json
import time
from pathlib import Path
from typing import Any

import click

from pipeline.commandline import connect, data_dir_option
from pipeline.conduct import cancel as cancelling
from pipeline.conduct.listing import JobView, list_jobs, show_job
from pipeline.errors import SetupError
from pipeline.jobs.priority import LEVELS, named
from pipeline.jobs.types import OPEN_JOBS, Job, JobState
from pipeline.settings import settings_of

WATCH_S = 1.0
BAR = 20


@click.group()
def jobs() -> None:
    """Lists, shows, ranks, cancels and retries jobs."""


@jobs.command(name="list")
@click.option("--account", help="Only this account's jobs.")
@click.option("--state", type=click.Choice([state.value for state in JobState]), help="Only jobs in this state.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="Newest jobs shown.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per job.")
@click.option("--watch", is_flag=True, help="Keep the list up to date until no job is open.")
@data_dir_option
def list_(
    data_dir: Path | None, account: str | None, state: str | None, limit: int, as_json: bool, watch: bool
) -> None:
    """Prints the newest jobs first."""
    services = connect(settings_of(data_dir))
    while True:
        views = list_jobs(services, account, JobState(state) if state else None, limit)
        if watch and not as_json:
            click.clear()
        for view in views:
            click.echo(json.dumps(facts(view)) if as_json else line(view))
        if not watch or not any(view.job.state in OPEN_JOBS for view in views):
            return
        time.sleep(WATCH_S)


@jobs.command()
@click.argument("job_id")
@click.option("--watch", is_flag=True, help="Show progress until the job has ended.")
@data_dir_option
def show(data_dir: Path | None, job_id: str, watch: bool) -> None:
    """Prints everything known of a job."""
    services = connect(settings_of(data_dir))
    while True:
        view = show_job(services, job_id)
        if view is None:
            raise SetupError(f"There is no job {job_id}.")
        if not watch or view.job.state not in OPEN_JOBS:
            click.echo(json.dumps(facts(view), indent=2))
            return
        click.echo(f"\r{line(view)}", nl=False)
        time.sleep(WATCH_S)


@jobs.command()
@click.argument("job_id")
@data_dir_option
def cancel(data_dir: Path | None, job_id: str) -> None:
    """Ends a job; its work stops within one batch of frames, other jobs of the video go on."""
    _tell(job_id, cancelling.cancel(connect(settings_of(data_dir)), job_id))


@jobs.command()
@click.argument("job_id")
@data_dir_option
def retry(data_dir: Path | None, job_id: str) -> None:
    """Queues a failed job again, under its old JobId."""
    _tell(job_id, cancelling.retry(connect(settings_of(data_dir)), job_id))


@jobs.command()
@click.argument("job_id")
@click.argument("level", type=click.Choice(list(LEVELS)))
@data_dir_option
def priority(data_dir: Path | None, job_id: str, level: str) -> None:
    """Puts an open job before or behind others of its account; other accounts neither lose nor gain by it."""
    job = cancelling.prioritize(connect(settings_of(data_dir)), job_id, LEVELS[level])
    if job is None:
        raise SetupError(f"There is no job {job_id}.")
    if job.state not in OPEN_JOBS:
        raise SetupError(f"{job.id} is {job.state.value}: only open jobs have an order.")
    click.echo(f"{job.id} is {job.state.value}, priority {named(job.priority)}.")


def facts(view: JobView) -> dict[str, Any]:
    """A job as JSON values; members that have no value are left out."""
    job = view.job
    values = {
        "JobId": job.id,
        "Operation": f"Start{job.operation}",
        "AccountId": job.account,
        "State": job.state.value,
        "Priority": named(job.priority),
        "Progress": round(100 * view.ratio, 1),
        "FramesDone": view.frames_done,
        "FramesPlanned": view.frames_planned,
        "Bucket": job.video.bucket,
        "Name": job.video.name,
        "JobTag": job.job_tag,
        "StatusMessage": job.status_message,
        "PassId": job.pass_id,
        "CreatedAt": job.created_at.isoformat(),
        "StartedAt": job.started_at and job.started_at.isoformat(),
        "FinishedAt": job.finished_at and job.finished_at.isoformat(),
    }
    return {name: value for name, value in values.items() if value is not None}


def line(view: JobView) -> str:
    """A job on one line, with a bar."""
    job = view.job
    bar = f"{'█' * round(BAR * view.ratio):░<{BAR}} {100 * view.ratio:5.1f} %"
    what = f"{job.video.bucket}/{job.video.name}  {job.status_message or ''}".rstrip()
    return f"{job.id[:16]}…  {job.operation:20} {job.state.value:9} {named(job.priority):6} {bar}  {what}"


def _tell(job_id: str, job: Job | None) -> None:
    if job is None:
        raise SetupError(f"There is no job {job_id}.")
    click.echo(f"{job.id} is {job.state.value}.{f' {job.status_message}' if job.status_message else ''}")
