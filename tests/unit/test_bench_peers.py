"""The comparison with packages: its arithmetic, its order, and what it says of a package that is not there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.catalog import OPERATIONS
from pipeline.models.library import Library
from scripts.bench_peers import accuracy, roster, rounds, table
from scripts.bench_peers.pictures import READERS
from scripts.bench_peers.report import Runs, on_every_frame, report, summed, versus
from scripts.bench_peers.rounds import Phase, measured

ABOUT = {
    "video": "clip.mp4",
    "length_s": 4.0,
    "frames": 100,
    "size": "64×48",
    "cores": 2,
    "load": (0.5, 1.5),
    "rounds": 3,
}


def seconds(wall: float, cpu: float, **others: Any) -> dict[str, Any]:
    return {"wall_s": wall, "cpu_s": cpu, **others}


def test_ratios_are_taken_round_by_round() -> None:
    ours = [seconds(1, 2), seconds(4, 8), seconds(2, 4)]
    theirs = [seconds(3, 2), seconds(4, 16), seconds(8, 4)]
    assert versus(ours, theirs) == {
        "ours_wall_s": 2,
        "ours_cpu_s": 4,
        "wall_s": 4,
        "cpu_s": 4,
        "wall_ratio": 3,  # of 3, 1 and 4
        "cpu_ratio": 1,  # of 1, 2 and 1
    }


def test_jobs_add_up_within_each_round() -> None:
    first, second = [seconds(1, 2, frames=10), seconds(3, 4, frames=10)], [seconds(5, 6, frames=10)] * 2
    assert summed([first, second]) == [seconds(6, 8, frames=20), seconds(8, 10, frames=20)]


def test_a_look_at_every_frame_costs_what_each_look_cost() -> None:
    run = seconds(10, 16, frames=100, looks=10, look_s=8, look_cpu_s=12)
    assert on_every_frame(run) == seconds(10 + 9 * 8, 16 + 9 * 12)
    assert on_every_frame(seconds(1, 1, frames=5, looks=0, look_s=0, look_cpu_s=0)) == seconds(1, 1)


def test_decode_work_and_goals_of_the_script() -> None:
    runs = Runs()
    items = dict.fromkeys(OPERATIONS, 7)
    runs.add("ours", "all", seconds(2, 4, frames=100, items=items, stages={"decode": 0.5, "detect objects-200ms": 1.5}))
    for name in OPERATIONS:
        job = seconds(1, 1, frames=100, items=7, looks=9, decode_s=0.1, prepare_s=0.2, detect_s=0.7)
        runs.add("pyav", name, job)
    made = report(ABOUT, runs, {"nudenet": "no module nudenet"})
    script = made["script"]["pyav"]
    assert (script["frames"], script["ours_frames"], script["decode_ratio"]) == (800, 100, 8)
    assert (script["wall_ratio"], script["cpu_ratio"]) == (4, 2)
    told = "\n".join(table.lines(made))
    assert "ratio of wall 4.00, of CPU 2.00  goal 3: met by wall time" in told
    assert "8.00 times, goal 8: met" in told
    assert "all: detect objects-200ms 1.50, decode 0.50 s" in told
    assert "nudenet: no module nudenet" in told


def test_a_package_is_set_beside_its_accuracy_and_ours() -> None:
    runs = Runs()
    runs.add("ours", "text", seconds(2, 4, frames=100, items={}, stages={}))
    look = {"frames": 100, "looks": 10, "look_s": 2, "look_cpu_s": 3, "items": 5}
    runs.add("rapidocr", "text", seconds(3, 4, **look))
    told = table.lines(report(ABOUT, runs, {}))
    assert "  text: rapidocr, 10 of 100 frames looked at" in told
    assert any("ratio of wall 1.50, of CPU 1.00  goal 2: missed" in line for line in told)
    assert "    had it looked at every frame: ratio of wall 10.50, of CPU 7.75" in told
    row, mine, theirs = accuracy.shown("text")
    assert f"    {row}: {mine} | {theirs}" in told


@pytest.mark.parametrize("peer", roster.PEERS.values(), ids=roster.PEERS)
def test_a_package_that_is_not_there_is_named_with_what_installs_it(peer: roster.Peer, tmp_path: Path) -> None:
    why = roster.missing(peer, Library(tmp_path), lambda module: None)
    assert all(module in why for module in peer.modules)
    assert why.endswith(f"install: {peer.install}")


def test_weights_that_are_not_there_are_named_with_what_pulls_them(tmp_path: Path) -> None:
    why = roster.missing(roster.PEERS["bytetrack"], Library(tmp_path), lambda module: module)
    assert why.endswith("reelsight models pull objects-yolo26n --accept-licence AGPL-3.0")
    assert roster.missing(roster.PEERS["nudenet"], Library(tmp_path), lambda module: module) == ""


@pytest.mark.parametrize("group", sorted({peer.score for peer in roster.PEERS.values()} - {""}))
def test_both_figures_of_accuracy_are_known(group: str) -> None:
    assert all(accuracy.shown(group))


def test_an_unknown_row_is_an_error() -> None:
    with pytest.raises(LookupError, match="no row 'no such figure'"):
        accuracy.ours("no such figure")


def test_every_subject_is_measured_once_beside_its_packages() -> None:
    phases = rounds.planned(Path("clip.mp4"), [*READERS, *roster.PEERS], every_frame=False)
    ours = [phase.part for phase in phases if phase.contender == "ours"]
    assert ours == ["all", *dict.fromkeys(peer.subject for peer in roster.PEERS.values())]
    assert sum(phase.contender in READERS for phase in phases) == len(READERS) * len(OPERATIONS)


class Told:
    """Stands for processes: notes who ran, and lets some fail."""

    def __init__(self, fails: str = "") -> None:
        self.order: list[str] = []
        self._fails = fails

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        self.order.append(arguments[0])
        if arguments[0] == self._fails:
            raise OSError("libGL.so.1 is missing")
        return seconds(1, 1)


def phase(contender: str) -> Phase:
    return Phase(contender, "text", len, (contender,))


def test_every_second_round_goes_the_other_way() -> None:
    told = Told()
    runs = measured([phase("ours"), phase("a"), phase("b")], 3, {}, told)
    assert told.order == ["ours", "a", "b", "b", "a", "ours", "ours", "a", "b"]
    assert len(runs.of("a", "text")) == 3


def test_a_package_that_fails_is_left_out_and_the_others_go_on() -> None:
    told, left_out = Told("a"), {}
    runs = measured([phase("ours"), phase("a"), phase("b")], 2, left_out, told)
    assert left_out == {"a": "it failed: OSError: libGL.so.1 is missing"}
    assert told.order == ["ours", "a", "b", "b", "ours"]
    assert runs.parts("a") == []
    assert len(runs.of("b", "text")) == 2


def test_a_failure_of_ours_is_no_result() -> None:
    with pytest.raises(OSError, match="libGL"):
        measured([phase("ours")], 1, {}, Told("ours"))
