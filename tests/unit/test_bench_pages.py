"""What the page on speed is told of measurements: tables, what their numbers mean, and nothing of the machine."""

from pathlib import Path

import pytest

from scripts import floor_table
from scripts.bench_peers import accuracy, written
from scripts.bench_peers.report import OUR_STEP, report
from scripts.made_table import between
from tests.support.compared import ABOUT, of_script, of_text


def test_the_tables_of_the_documentation_are_made_of_the_reports() -> None:
    reports = {"a.mp4": report(ABOUT, of_text(), {"nudenet": "no module"}), "b.mp4": report(ABOUT, of_text(True), {})}
    made = list(written.lines(reports))
    (row,) = [line for line in made if line.startswith("| text |")]
    assert "| **1.5 (1)** | ≈ 10 (7.8) | **1.5 (1)** | 15 (10) |" in row
    assert "* nudenet: no module" in made
    assert not any(line.startswith("| all eight") for line in made)
    assert all(before == "" and written.LEGENDS["packages"] == legend for before, legend in above_tables(made))
    page = f"before\n{written.BEGIN}\nold\n{written.END}after\n"
    assert between(page, written.BEGIN, written.END, "new\n") == f"before\n{written.BEGIN}\nnew\n\n{written.END}after\n"
    with pytest.raises(ValueError, match="no place"):
        between("a page without marks", written.BEGIN, written.END, "new")


def above_tables(made: list[str]) -> list[tuple[str, str]]:
    """The two lines before the blank one above each table."""
    heads = [number for number, line in enumerate(made) if line.startswith("|---")]
    return [(made[number - 4], made[number - 3]) for number in heads]


def test_each_table_says_which_number_is_which() -> None:
    both = of_script()
    for part in ("ours", "rapidocr"):
        both.add(part, "text", of_text().of(part, "text")[0])
    made = list(written.lines({"a.mp4": report(ABOUT, both, {})}))
    assert above_tables(made) == [("", written.LEGENDS["script"]), ("", written.LEGENDS["packages"])]
    for legend in written.LEGENDS.values():
        assert "wall time" in legend
        assert "in brackets the same of processor time" in legend
        assert "more than 1 means that ours takes less" in legend
        assert "bold" in legend
    only_script = list(written.lines({"a.mp4": report(ABOUT, of_script(), {})}))
    assert above_tables(only_script) == [("", written.LEGENDS["script"])]


def test_frames_that_are_decoded_are_told_with_the_numbers_of_the_reports() -> None:
    a, b = report(ABOUT, of_script(), {}), report(ABOUT, of_script(), {})
    b["script"]["pyav"] |= {"frames": 14400, "ours_frames": 2000, "decode_ratio": 7.2}
    (told,) = written.decoded({"a.mp4": a, "b.mp4": b, "c.mp4": report(ABOUT, of_text(), {})})
    assert told == (
        "The jobs with `pyav` decode 800 frames of a.mp4 where ours decodes 100, 8.00 times as many; "
        "14,400 frames of b.mp4 where ours decodes 2,000, 7.20 times as many. The goal is 8 times."
    )


@pytest.mark.parametrize(
    ("why", "told"),
    [
        ("no module a, b; install: scripts/setup bench .venv-peers",) * 2,
        ("it failed: OSError: [Errno 2] No such file: '/srv/secret/x'\n| a |", "it failed: OSError"),
        ("it failed: OSError", "it failed: OSError"),
        ("said\n  two | lines", r"said two \| lines"),
        (f"{Path.home()}/.cache/model is not there", "~/.cache/model is not there"),
    ],
)
def test_reasons_tell_nothing_of_the_machine_and_break_no_table(why: str, told: str) -> None:
    assert written.reason(why) == told
    assert f"* nudenet: {told}" in list(written.lines({"a.mp4": report(ABOUT, of_text(), {"nudenet": why})}))


def test_large_ratios_are_written_out() -> None:
    it = report(ABOUT, of_text(), {})
    it["packages"]["rapidocr"]["ways"][OUR_STEP] |= {"wall_ratio": 99.6, "cpu_ratio": 1234.5}
    (row,) = [line for line in written.lines({"a.mp4": it}) if line.startswith("| text |")]
    assert "| **100 (1,234)** |" in row


def test_the_documentation_has_a_place_for_them() -> None:
    page = accuracy.TABLE.read_text(encoding="utf-8")
    assert page.count(written.BEGIN) == page.count(written.END) == 1


def test_a_row_says_how_far_a_run_is_from_its_floor() -> None:
    real = {"length_s": 10.0, "wall_s": 2.5, "cpu_s": 4.0, "peak_bytes": 1.2e9}
    floor = {"video": "a.mp4", "cores": 2, "decode": {"decode_s": 0.1}, "inference": {"inference_s": 2.0}}
    made = floor_table.lines({"a.mp4": {**floor, "actual": real, "ratio_to_floor": 1.25}})
    assert made[-1] == "| a.mp4, 10 s | 100 × | 5 × | 4 × | 1.25 | 1.60 of 2 | 1,200 MB |"
    assert "* a.mp4: rounds and load were not kept" in made
    newer = {**floor, "rounds": 3, "load": (0.5, 1.25)}
    assert floor_table.about(newer) == "* a.mp4: 3 rounds, load 0.5 to 1.2 on 2 cores"
    page = floor_table.PAGE.read_text(encoding="utf-8")
    assert page.count(floor_table.BEGIN) == page.count(floor_table.END) == 1
