"""The simulation of many workers agrees with what can be reckoned by hand, and names the cause where there is one."""

from dataclasses import replace

import pytest

from scripts.scaling_report import KNOBS, simulated
from scripts.scaling_simulation import Fleet, Simulation, Stages

FREE = Stages(plan=0, work=60, fixed=0, claim=0, settle=0, put=0, finish=0, closing=0, bytes=0)
HOUR = [60.0]


def _wall(stages: Stages, fleet: Fleet, minutes: list[float]) -> float:
    return Simulation(stages, fleet, minutes).run().wall


@pytest.mark.parametrize(("workers", "wall"), [(1, 3600), (3, 1200), (30, 120), (300, 120), (29, 240)])
def test_without_overhead_only_the_number_of_chunks_bounds_the_speed(workers: int, wall: float) -> None:
    assert _wall(FREE, Fleet(workers), HOUR) == pytest.approx(wall)


@pytest.mark.parametrize(
    ("stages", "fleet", "cause", "seconds"),
    [
        (replace(FREE, plan=2), Fleet(30), "planning", 120),
        (replace(FREE, finish=3), Fleet(30), "finishing", 180),
        (FREE, Fleet(60), "chunks", 60),
        (replace(FREE, bytes=125e6), Fleet(30, per_machine=30), "fetching the video", 60),
    ],
)
def test_the_cause_of_a_loss_is_named(stages: Stages, fleet: Fleet, cause: str, seconds: float) -> None:
    losses = Simulation(stages, fleet, HOUR).run().losses
    assert max(losses, key=lambda loss: losses[loss]) == cause
    assert losses[cause] == pytest.approx(seconds, rel=0.01)


def test_workers_wait_for_each_others_transactions() -> None:
    losses = Simulation(replace(FREE, claim=3), Fleet(30), HOUR).run().losses
    assert losses["transactions"] == pytest.approx(3 * sum(range(30)) / 30)


def test_many_videos_share_the_workers_and_few_finishers() -> None:
    outcome = Simulation(replace(FREE, closing=1), Fleet(10, control=2, link=0), [1.0] * 100).run()
    assert outcome.wall == pytest.approx(100 * 60 / 10 + 10 / 2)


def test_every_cause_has_something_to_turn() -> None:
    assert set(Simulation(FREE, Fleet(1), HOUR).run().losses) == set(KNOBS)
    assert {row["bottleneck"] for row in simulated(replace(FREE, finish=0.1))} <= set(KNOBS)
