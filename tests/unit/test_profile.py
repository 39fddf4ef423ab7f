"""The profile by stage: spans in spans, what the rows add up to, and a flame graph that tells nothing of the machine."""

import os
import re
import sys
from pathlib import Path
from threading import Thread

import pytest

from scripts.in_venv import ROOT
from scripts.profiling import flame, table
from scripts.profiling.spans import Spans
from scripts.profiling.taps import DECODE, DETECT, HAND, MODEL, PREPARE, SCALE

FLAME = ROOT / "docs" / "images" / "profile.svg"
FOLDERS = re.compile(r"[\w.-]*(?:/[\w.+-]+)+/[\w.+-]+\.py|/(?:home|root|usr|tmp|opt|work|Users)/")


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_span_counts_what_no_inner_one_does_and_lends_it_its_stage() -> None:
    clock = Clock()
    spans = Spans(clock)
    with spans.span(PREPARE, "faces"):
        clock.now += 1
        with spans.span(SCALE):
            clock.now += 2
        clock.now += 4
    assert spans.spent == {("faces", PREPARE): 5, ("faces", SCALE): 2}
    assert spans.total_s == 7
    assert spans.calls == {("faces", PREPARE): 1, ("faces", SCALE): 1}


def test_a_span_ends_with_an_error_too() -> None:
    clock = Clock()
    spans = Spans(clock)
    with pytest.raises(ValueError, match="broken"), spans.span(DETECT, "text"):  # noqa: PT012
        clock.now += 3
        raise ValueError("broken")
    with spans.span(DECODE):
        clock.now += 1
    assert spans.spent == {("text", DETECT): 3, ("", DECODE): 1}


def test_spans_of_other_threads_are_no_inner_ones() -> None:
    clock = Clock()
    spans = Spans(clock)

    def aside() -> None:
        with spans.span(DECODE):
            clock.now += 2

    with spans.span(HAND):
        thread = Thread(target=aside)
        thread.start()
        thread.join()
    assert spans.spent == {("", DECODE): 2, ("", HAND): 2}  # one clock for both here; threads have one each


def counted() -> Spans:
    clock = Clock()
    spans = Spans(clock)
    for kind, stage, seconds in ((DECODE, "", 1.0), (PREPARE, "faces", 2.0), (DETECT, "faces", 3.0), (HAND, "", 0.5)):
        with spans.span(kind, stage):
            clock.now += seconds
            if kind == DETECT:
                with spans.span(MODEL + "face-yunet"):
                    clock.now += 4
    return spans


def test_every_span_is_in_a_row_and_what_is_left_in_its_own() -> None:
    found = table.profile(counted(), cpu_s=12.0, wall_s=8.0, cores=2)
    assert table.accounted_s(found) - found["others"][table.REST] == pytest.approx(10.5)
    assert table.accounted_s({**found, "stages": {}}) == pytest.approx(3.0)  # decoding, handing over, the rest
    assert found["others"][table.REST] == pytest.approx(1.5)
    assert found["stages"]["faces"] == {"scaling": 0, "preparing": 2, "models": 4, "before and after models": 3}
    assert found["models"] == {"face-yunet": 4}
    assert found["idle_s"] == 4
    about = {"video": "a.mp4", "length_s": 1.0, "size": "6×4", "load": 1.0}
    made = list(table.lines({**found, **about}))
    assert "| faces |  | 16.7 | 33.3 | 25.0 | 75.0 |" in made
    assert "| all |  | 16.7 | 33.3 | 25.0 | 100.0 |" in made


def test_the_answers_of_all_analyses_are_one_row() -> None:
    others = {"decoding": 1.0, "putting together faces": 2.0, "putting together text": 3.0}
    assert table.together(others) == {"decoding": 1.0, "putting together the answers": 5.0}


def test_a_flame_graph_keeps_functions_and_loses_folders() -> None:
    own = f"{sys.path[-1]}/somewhere/deep.py"
    svg = (
        '<text id="title" x="1">/a/b/py-spy record --output /tmp/x/flame.svg</text>'
        f"<title>look ({own}:7) (3 samples)</title><title>run (pipeline/run.py:9) (1 samples)</title>"
        "<title>add (/srv/app/lib/lanes.py:3) (1 samples)</title>"
    )
    made = flame.anonymous(svg, "Time <all>")
    assert '<text id="title" x="1">Time &lt;all&gt;</text>' in made
    assert "run (pipeline/run.py:9)" in made
    assert "add (lanes.py:3)" in made
    assert sys.path[-1] not in made
    assert "/tmp" not in made


@pytest.fixture
def stubborn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A py-spy that samples but does not end when it is told to; the file that its number will be in."""
    program = tmp_path / "py-spy"
    program.write_text(f"#!/bin/sh\ntrap '' INT\necho $$ > {tmp_path}/number\necho Sampling process\nexec sleep 600\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(flame, "_DRAWN_S", 0.1)
    return tmp_path / "number"


def test_a_py_spy_that_does_not_end_is_killed(stubborn: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"py-spy did not draw within 0\.1 s"), flame.drawn(tmp_path / "a.svg", "a"):
        pass
    assert_gone(stubborn)


def test_a_py_spy_that_does_not_end_hides_no_error(stubborn: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="broken"), flame.drawn(tmp_path / "a.svg", "a"):
        raise ValueError("broken")
    assert_gone(stubborn)


def test_a_py_spy_that_does_not_begin_is_killed(
    stubborn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "py-spy"
    program.write_text(program.read_text().replace("Sampling", "Refusing"))
    monkeypatch.setattr(flame, "_BEGUN_S", 2.0)
    with pytest.raises(RuntimeError, match="py-spy did not begin: Refusing process"), flame.drawn(tmp_path / "a", "a"):
        pass
    assert_gone(stubborn)


def assert_gone(number: Path) -> None:
    with pytest.raises(ProcessLookupError):
        os.kill(int(number.read_text()), 0)


def test_the_flame_graph_of_the_documentation_is_small_and_names_no_folders() -> None:
    svg = FLAME.read_text(encoding="utf-8")
    assert len(svg.encode()) < flame.MOST_BYTES
    assert "pipeline/run.py" in svg
    absolute = [name for name in FOLDERS.findall(svg) if Path(name).is_absolute()]
    assert absolute == []
