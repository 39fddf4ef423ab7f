"""One run: an undisturbed pass over all tasks, faults under load, healing, and the checks."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.support.chaos import verify
from tests.support.chaos.faults import of_shape
from tests.support.chaos.installation import ACCOUNTS, Installation
from tests.support.chaos.load import CLIPS, TASKS, Caller, Load, Task, digest
from tests.support.chaos.processes import belonging_to, wait_for
from tests.support.chaos.report import Report
from tests.support.chaos.schedule import GAP_S, Schedule
from tests.support.chaos.servers import scratch
from tests.support.chaos.shapes import SHAPES
from tests.support.chaos.subscribers import Subscriber, subscribed

DISK_MB = 192
UNDISTURBED_S = 600.0
DRAIN_S = 600.0
"""How long the work that is left may take when all is healed; every retry is far shorter."""
NOT_OURS = frozenset({".ses"})
"""onnxruntime keeps the number of its session there when it is imported: one file, however many processes."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do.

    Attributes:
        shape: "one" or "many".
        minutes: How long faults are injected.
        seed: Of everything random.
        media: Folder of clips.
        models: Folder of pulled models.
        keep: Whether the folder is left, for the curious.
        only: Parts of names of faults; empty: all kinds.
        gap_s: Mean time between faults; None: by the length of the run.
        tell: Hears how it goes.
    """

    shape: str
    minutes: float
    seed: int
    media: Path
    models: Path
    keep: bool = False
    only: tuple[str, ...] = ()
    gap_s: float | None = None
    tell: Callable[[str], None] = print


def can_mount() -> bool:
    """Whether this process may mount a small disk: in a mount namespace of its own, so that nothing outlives it."""
    if "CHAOS_MOUNTS" not in os.environ or shutil.which("mount") is None:
        return False
    probe = scratch("reelsight-chaos-probe-")
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "chaos", str(probe)]
    mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    if mounted:
        subprocess.run(["umount", str(probe)], check=True)
    probe.rmdir()
    return mounted


def chaos(plan: Plan) -> Report:
    """What happened; everything that was started is ended and removed by then."""
    disk_mb = DISK_MB if can_mount() else 0
    how = f"a tmpfs of {disk_mb} MiB is filled" if disk_mb else "not filled: this user may not mount one"
    report = Report(plan.shape, plan.seed, plan.minutes, how)
    folder = scratch("rs-chaos-")
    installation = SHAPES[plan.shape](folder, plan.models, plan.seed, disk_mb)
    try:
        _whole(plan, installation, report)
    finally:
        installation.stop()
        report.findings.must_be_none("temporary files left", [str(path) for path in _temporary(installation)])
        report.findings.must_be_none("processes left", [f"{pid} {c[:100]}" for pid, c in belonging_to(folder).items()])
        if plan.keep:
            plan.tell(f"kept: {folder}")
        else:
            installation.remove()
    return report


def _temporary(installation: Installation) -> list[Path]:
    """Temporary files, those of the processes and half downloads in the data directories among them."""
    places = (("", "tmp/*"), ("disk", "*/cache/tmp/*"), ("disk", "*/cache/videos/*.partial*"))
    found = [path for folder, pattern in places for path in (installation.folder / folder).glob(pattern)]
    return sorted(path for path in found if path.name not in NOT_OURS)


def _whole(plan: Plan, installation: Installation, report: Report) -> None:
    plan.tell(f"starting shape {plan.shape}, seed {plan.seed}")
    installation.prepare()
    installation.start()
    for name, clip in CLIPS.items():
        installation.put(name, plan.media / clip)
    began = time.monotonic()
    truth, known = _undisturbed(installation)
    plan.tell(f"undisturbed results of {len(truth)} tasks after {time.monotonic() - began:.0f} s")
    with subscribed(installation) as (topics, subscribers):
        load = Load(installation, topics, plan.seed)
        report.errors = load.errors
        _disturb(plan, installation, load, subscribers, report)
        plan.tell("all healed; waiting for what is left")
        installation.await_ready()
        submitted = load.stop(120)
        findings = report.findings
        findings.must_be_none(
            "requests never accepted", [] if submitted else ["see the numbers of requests that failed"]
        )
        engine = installation.engine()
        of_account = {a: [one for one in subscribers if one.name.startswith(a)] for a in ACCOUNTS}
        verify.check_jobs(installation, load, truth, findings, DRAIN_S)
        plan.tell("jobs checked; now tokens, notifications, rows, files")
        verify.check_tokens(engine, load, known, findings)
        verify.check_notifications(load, of_account, findings, 240)
        verify.check_rows(engine, findings, 240)
        verify.check_files(installation, engine, findings, 60)
        engine.dispose()


def _undisturbed(installation: Installation) -> tuple[dict[Task, str], set[str]]:
    """Task -> digest of its pages when nothing happens, and the ids of these jobs."""
    caller = Caller(installation, ACCOUNTS[0], Random(0))
    jobs = {task: caller.start(task, f"undisturbed-{number}", None) for number, task in enumerate(TASKS)}
    for task, job in jobs.items():
        wait_for(
            lambda task=task, job=job: caller.state(task, job) != "IN_PROGRESS", UNDISTURBED_S, f"{task.name} ends"
        )  # type: ignore[misc]
        state = caller.state(task, job)
        if state != "SUCCEEDED":
            raise RuntimeError(f"{task.name} is {state} though nothing disturbed it")
    return {task: digest(caller, task, job) for task, job in jobs.items()}, set(jobs.values())


def _disturb(plan: Plan, installation: Installation, load: Load, subscribers: list[Subscriber], report: Report) -> None:
    kinds = of_shape(plan.shape, subscribers, bool(installation.disk_mb))
    kinds = _chosen(kinds, plan.only)
    gap_s = plan.gap_s or min(max(plan.minutes * 60 / (len(kinds) * 1.2), GAP_S[0]), GAP_S[1])
    random = Random(f"{plan.seed}/faults")
    began = time.monotonic()
    schedule = Schedule(
        installation, kinds, random, gap_s, lambda line: plan.tell(f"{time.monotonic() - began:6.1f} s{line}"), report.injected
    )  # fmt: skip
    load.start()
    try:
        schedule.run(plan.minutes * 60)
    finally:
        load.stopping.set()
    _revive(installation)


def _chosen(kinds: Mapping[str, object], only: tuple[str, ...]) -> dict:  # type: ignore[type-arg]
    chosen = {name: kind for name, kind in kinds.items() if not only or any(part in name for part in only)}
    if not chosen:
        raise SystemExit(f"no fault is called {', '.join(only)}; there are: {', '.join(sorted(kinds))}")
    return chosen


def _revive(installation: Installation) -> None:
    for machine in installation.machines:
        if not machine.lives():
            machine.start()
