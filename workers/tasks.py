"""The tasks: each wakes a function of the domain and decides nothing.

What a task needs is imported where it is used, and before the fork by the workers that take such tasks (`LOADS`): decoders and models
are in no process that has no use for them.
"""

import gc
import time
from collections.abc import Mapping
from dataclasses import asdict
from importlib import import_module
from typing import Any

from celery.signals import celeryd_after_setup

from pipeline import queue
from pipeline.conduct.turn import Report
from pipeline.process import process_name
from pipeline.turns import How
from workers.app import (
    IMAGE_LIMIT_S,
    app,
    finishing_slots,
    models_for_image,
    queues_of,
    services,
    settings,
    video_models,
)
from workers.pacing import at_most_every

Facts = dict[str, Any] | None
"""What a task did, as Flower shows it; None: nothing was to be done."""
LOADS: Mapping[str, tuple[str, ...]] = {
    queue.VIDEO: ("pipeline.conduct.chunk",),
    queue.CONTROL: ("pipeline.conduct.plan", "pipeline.conduct.finish", "pipeline.conduct.sweep"),
    queue.NOTIFY: ("pipeline.notify.delivery",),
    queue.IMAGES: ("pipeline.images.answer",),
}
"""Queue -> modules that its tasks need."""


@celeryd_after_setup.connect
def load(sender: str = "", **_: Any) -> None:
    """Imports what the tasks of this worker need, so that its children share it.

    All that stays as long as the process: looking through it for garbage, again and again, held a worker of videos up for 60 ms each time.
    """
    for name in queues_of(sender):
        for module in LOADS.get(name, ()):
            import_module(module)
    gc.collect()
    gc.freeze()


def _told(name: str, report: Report | None, began: float) -> Facts:
    """What Flower shows; the traces of the jobs get it too."""
    if report is None:
        return None
    facts = {key: value for key, value in report.facts.items() if key != "jobs"}
    services().traces.add(name, report.jobs, began, **facts)
    return report.facts


@app.task(name=queue.PLAN)
def plan() -> Facts:
    """Plans the video whose turn it is; waits for jobs that still linger."""
    from pipeline.conduct.plan import plan as plan_jobs

    while True:
        began, planning = time.time(), plan_jobs(services())
        if planning.report or planning.wait_s <= 0:
            return _told("plan", planning.report, began)
        time.sleep(planning.wait_s)


@app.task(name=queue.ANALYZE_CHUNK)
def analyze_chunk(*_of_before: str) -> Facts:
    """Decodes the chunk whose turn it is once and stores what the detectors found."""
    from pipeline.conduct.chunk import analyze_chunk as analyze

    began = time.time()
    return _told("analyze_chunk", analyze(services(), video_models(), process_name()), began)


@app.task(name=queue.FINISH_PASS)
def finish_pass(*_of_before: str) -> Facts:
    """Aggregates the pass whose turn it is and makes its results visible."""
    from pipeline.conduct.finish import finish_in_slot as finish

    began, slot = time.time(), finishing_slots().taken()
    report = finish(services(), process_name(), slot)
    return _told("finish_pass", report, began)


@app.task(name=queue.SWEEP, send_events=False)  # every few seconds: the history would be full of it
@at_most_every(settings.sweep_s / 2)
def sweep() -> Facts:
    """Mends what was lost: wake-ups, leases, deliveries, expired jobs."""
    from pipeline.conduct.sweep import sweep as sweep_up

    return asdict(sweep_up(services()))


@app.task(name=queue.DELIVER, send_events=False)
def deliver() -> None:
    """Delivers the notifications that are due."""
    from pipeline.notify.delivery import deliver_due

    deliver_due(services())


@app.task(bind=True, name=queue.ANSWER_IMAGE, time_limit=IMAGE_LIMIT_S, send_events=False)  # there are many
def answer_image(self: Any, letter_id: str, how: How = "turn") -> None:
    """Answers a request on an image whose caller is waiting."""
    from pipeline.images.answer import answer

    redelivered = self.request.delivery_info.get("redelivered")
    with models_for_image(letter_id) as shared:
        answer(services(), shared, letter_id, "redelivered" if redelivered else how)
