"""The tasks: each wakes a function of the domain and decides nothing."""

import time
from dataclasses import asdict
from typing import Any

from pipeline import queue
from pipeline.conduct.chunk import analyze_chunk as analyze
from pipeline.conduct.finish import finish_in_slot as finish
from pipeline.conduct.plan import plan as plan_jobs
from pipeline.conduct.sweep import sweep as sweep_up
from pipeline.conduct.turn import Report
from pipeline.images.answer import answer
from pipeline.notify.delivery import deliver_due
from pipeline.process import process_name
from pipeline.turns import How
from workers.app import IMAGE_LIMIT_S, app, finishing_slots, models_for_image, services, settings, video_models
from workers.pacing import at_most_every

Facts = dict[str, Any] | None
"""What a task did, as Flower shows it; None: nothing was to be done."""


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
    while True:
        began, planning = time.time(), plan_jobs(services())
        if planning.report or planning.wait_s <= 0:
            return _told("plan", planning.report, began)
        time.sleep(planning.wait_s)


@app.task(name=queue.ANALYZE_CHUNK)
def analyze_chunk(*_of_before: str) -> Facts:
    """Decodes the chunk whose turn it is once and stores what the detectors found."""
    began = time.time()
    return _told("analyze_chunk", analyze(services(), video_models(), process_name()), began)


@app.task(name=queue.FINISH_PASS)
def finish_pass(*_of_before: str) -> Facts:
    """Aggregates the pass whose turn it is and makes its results visible."""
    began, slot = time.time(), finishing_slots().taken()
    report = finish(services(), process_name(), slot)
    return _told("finish_pass", report, began)


@app.task(name=queue.SWEEP, send_events=False)  # every few seconds: the history would be full of it
@at_most_every(settings.sweep_s / 2)
def sweep() -> Facts:
    """Mends what was lost: wake-ups, leases, deliveries, expired jobs."""
    return asdict(sweep_up(services()))


@app.task(name=queue.DELIVER, send_events=False)
def deliver() -> None:
    """Delivers the notifications that are due."""
    deliver_due(services())


@app.task(bind=True, name=queue.ANSWER_IMAGE, time_limit=IMAGE_LIMIT_S, send_events=False)  # there are many
def answer_image(self: Any, letter_id: str, how: How = "turn") -> None:
    """Answers a request on an image whose caller is waiting."""
    redelivered = self.request.delivery_info.get("redelivered")
    with models_for_image(letter_id) as shared:
        answer(services(), shared, letter_id, "redelivered" if redelivered else how)
