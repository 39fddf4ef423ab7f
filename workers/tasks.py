"""The tasks: each wakes a function of the domain and decides nothing."""

import time
from typing import Any

from pipeline import queue
from pipeline.conduct.chunk import analyze_chunk as analyze
from pipeline.conduct.finish import finish_pass as finish
from pipeline.conduct.plan import plan as plan_jobs
from pipeline.conduct.sweep import sweep as sweep_up
from pipeline.images.answer import answer
from pipeline.notify.delivery import deliver_due
from pipeline.process import process_name
from pipeline.turns import How
from workers.app import IMAGE_LIMIT_S, app, models, models_for_image, services


@app.task(name=queue.PLAN)
def plan() -> None:
    """Plans the jobs that have lingered; waits for those that still do."""
    while (wait_s := plan_jobs(services())) > 0:
        time.sleep(wait_s)


@app.task(name=queue.ANALYZE_CHUNK)
def analyze_chunk(chunk_id: str) -> None:
    """Decodes one chunk once and stores what the detectors found."""
    analyze(services(), models(), chunk_id, process_name())


@app.task(name=queue.FINISH_PASS)
def finish_pass(pass_id: str) -> None:
    """Aggregates a pass and makes its results visible."""
    finish(services(), pass_id, process_name())


@app.task(name=queue.SWEEP)
def sweep() -> None:
    """Mends what was lost: wake-ups, leases, deliveries, expired jobs."""
    sweep_up(services())


@app.task(name=queue.DELIVER)
def deliver() -> None:
    """Delivers the notifications that are due."""
    deliver_due(services())


@app.task(bind=True, name=queue.ANSWER_IMAGE, time_limit=IMAGE_LIMIT_S, send_events=False)  # there are many
def answer_image(self: Any, letter_id: str, how: How = "turn") -> None:
    """Answers a request on an image whose caller is waiting."""
    redelivered = self.request.delivery_info.get("redelivered")
    with models_for_image(letter_id) as shared:
        answer(services(), shared, letter_id, "redelivered" if redelivered else how)
