"""The files that `scripts/bench.py` keeps reports in: of one kind each, and refused before anything is measured."""

import json
import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts import floor_table, in_venv
from scripts.bench_peers import written
from scripts.bench_peers.report import report
from scripts.profiling import flame
from tests.support.compared import ABOUT, of_script, of_text
from tests.support.small_video import write_video

FLOOR = {
    "a.mp4": {
        "video": "a.mp4",
        "cores": 2,
        "decode": {"decode_s": 0.1},
        "inference": {"inference_s": 2.0},
        "actual": {"length_s": 10.0, "wall_s": 2.5, "cpu_s": 4.0, "peak_bytes": 1.2e9},
        "ratio_to_floor": 1.25,
        "rounds": 3,
        "load": (0.5, 1.5),
    }
}
PEERS = {"b.mp4": report(ABOUT, of_text(), {}), "c.mp4": report(ABOUT, of_script(), {})}
PAGE = f"# Speed\n\n{floor_table.BEGIN}\nold\n\n{floor_table.END}\n{written.BEGIN}\nold\n\n{written.END}end\n"
Script = Callable[..., None]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Runs a script of `scripts/` in this process, where it is taken to be in its environment already."""

    def run(name: str, *arguments: object) -> None:
        monkeypatch.setenv("REELSIGHT_IN_VENV", str(os.getpid()))
        monkeypatch.syspath_prepend(str(in_venv.ROOT / "scripts"))
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(in_venv.ROOT / "scripts" / name), run_name="__main__")

    return run


@pytest.fixture
def video(tmp_path: Path) -> Path:
    write_video(tmp_path / "clip.mp4", 3)
    return tmp_path / "clip.mp4"


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page in place of that of the documentation, whose table of accuracy goes on being read."""
    path = tmp_path / "page.md"
    path.write_text(written.TABLE.read_text("utf-8").partition("## Speed")[0] + PAGE, encoding="utf-8")
    monkeypatch.setattr(floor_table, "PAGE", path)
    monkeypatch.setattr(written, "TABLE", path)
    return path


def kept(path: Path, reports: Any) -> Path:
    path.write_text(json.dumps(reports), encoding="utf-8")
    return path


def refused(run: Script, capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What a script says that ends at once."""
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    assert ended.value.code == 2
    return capsys.readouterr().err.rpartition("error: ")[2]


@pytest.mark.parametrize("writes", [(), ("--write",)])
def test_reports_of_one_kind_are_not_kept_with_those_of_the_other(
    script: Script, video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], writes: tuple[str, ...]
) -> None:
    floor, peers = kept(tmp_path / "floor.json", FLOOR), kept(tmp_path / "peers.json", PEERS)
    said = refused(script, capsys, "bench.py", video, "--peers", "--json", floor, *writes)
    assert "holds a report of the floor (a.mp4), not of a comparison with --peers; name another file" in said
    said = refused(script, capsys, "bench.py", video, "--json", peers, *writes)
    assert "holds a report of a comparison with --peers (b.mp4), not of the floor; name another file" in said
    assert (json.loads(floor.read_text()).keys(), json.loads(peers.read_text()).keys()) == (FLOOR.keys(), PEERS.keys())


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("no JSON", "holds no JSON"),
        ("[]", "something else than reports by video"),
        ('{"a.mp4": 7}', "something else than reports by video"),
        ('{"a.mp4": {}}', "something else than reports of the floor (KeyError: 'video')"),
        ('{"a.mp4": {"video": "a.mp4", "actual": 3}}', "something else than reports of the floor (TypeError"),
    ],
)
def test_other_files_are_refused(
    script: Script, video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, why: str
) -> None:
    path = tmp_path / "kept.json"
    path.write_text(content, encoding="utf-8")
    assert why in refused(script, capsys, "bench.py", video, "--json", path)
    assert path.read_text(encoding="utf-8") == content


def test_folders_are_refused(script: Script, video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for given in (("bench.py", video, "--json"), ("bench.py", video, "--peers", "--json")):
        assert "is a folder, not a file" in refused(script, capsys, *given, tmp_path)
        assert "there is no folder" in refused(script, capsys, *given, tmp_path / "none" / "kept.json")
    for option in ("--json", "--svg"):
        assert "is a folder, not a file" in refused(script, capsys, "bench_profile.py", video, option, tmp_path)


@pytest.mark.parametrize("arguments", [("--json",), ("--peers", "--json")])
def test_a_page_without_a_place_for_tables_is_refused(
    script: Script, video: Path, page: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    page.write_text("# Speed\n", encoding="utf-8")
    said = refused(script, capsys, "bench.py", video, *arguments, page.with_name("kept.json"), "--write")
    assert "the page has no place for tables" in said


def test_tables_are_made_again_of_what_was_kept(
    script: Script, page: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = page.read_text("utf-8")
    for reports, made in ((FLOOR, floor_table), (PEERS, written)):
        path = kept(tmp_path / "kept.json", reports)
        script("bench.py", "--from", path)
        told = "\n".join(made.lines(reports))
        assert capsys.readouterr().out == told + "\n"
        assert page.read_text("utf-8") == before
        script("bench.py", f"--from={path}", "--write")
        assert f"{made.BEGIN}\n{told}\n\n{made.END}" in page.read_text("utf-8")
        page.write_text(before, encoding="utf-8")


def test_what_to_make_tables_of_is_checked(
    script: Script, video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "kept.json"
    assert "is not a file" in refused(script, capsys, "bench.py", "--from", path)
    assert "holds no reports" in refused(script, capsys, "bench.py", "--from", kept(path, {}))
    mixed = refused(script, capsys, "bench.py", "--from", kept(path, FLOOR | PEERS))
    assert "holds a report of the floor (a.mp4), not of a comparison with --peers" in mixed
    for beside in ((video,), ("--json", path), ("--peers",)):
        assert "give no video, --json or --peers" in refused(script, capsys, "bench.py", "--from", path, *beside)
    assert "give a VIDEO" in refused(script, capsys, "bench.py")


@pytest.mark.parametrize(
    ("words", "is_asked"),
    [(["--svg", "a"], True), (["--svg=a"], True), (["--svgs"], False), (["a", "--json", "svg"], False), ([], False)],
)
def test_an_option_is_seen_however_it_is_written(
    monkeypatch: pytest.MonkeyPatch, words: list[str], is_asked: bool
) -> None:
    monkeypatch.setattr(sys, "argv", ["--svg", *words])
    assert in_venv.asked("--svg") == is_asked


@pytest.mark.parametrize("given", [("bench_profile.py", "--sv"), ("bench.py", "--peer")])
def test_options_are_not_abbreviated_as_the_environment_depends_on_them(
    script: Script, video: Path, capsys: pytest.CaptureFixture[str], given: tuple[str, str]
) -> None:
    assert f"unrecognized arguments: {given[1]}" in refused(script, capsys, given[0], video, given[1])


def test_a_flame_graph_without_py_spy_is_refused(
    script: Script, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="no py-spy"):
        flame.program()
    said = refused(script, capsys, "bench_profile.py", video, f"--svg={tmp_path / 'flame.svg'}")
    assert "there is no py-spy to draw a flame graph; install it: scripts/setup bench .venv-peers" in said
