"""What `scripts/bench_growth.py` fits, draws and writes, and the clips it makes."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from pipeline.media.probe import probe
from pipeline.media.reader import read
from pipeline.media.types import Stretch
from scripts.growth import clips, report
from scripts.growth.finishing import again
from scripts.growth.fits import exponent, shown
from scripts.growth.plots import plot
from tests.support.media import Clip, number_shown, render


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_the_exponent_of_a_power_law_is_found(power: float) -> None:
    sizes = [1.0, 10.0, 60.0, 360.0]
    assert exponent(sizes, [3 * size**power for size in sizes]) == pytest.approx(power)


def test_there_is_no_exponent_of_one_size_or_of_nothing() -> None:
    assert exponent([10], [3]) is None
    assert exponent([1, 10], [0, 3]) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0, "0"), (1234.6, "1,235"), (12.34, "12.3"), (0.01234, "0.0123"), (0.9999, "1.000")],
)
def test_three_digits_are_shown(value: float | None, text: str) -> None:
    assert shown(value) == text


def test_a_plot_is_an_svg_picture_with_all_points_inside() -> None:
    lines = {"<a> & b": [(1, 2.0), (360, 700.0)], "c": [(1, 0.001), (10, 0.02)]}
    root = ElementTree.fromstring(plot("A & B", "x", "y", lines))
    width, height = map(int, root.attrib["viewBox"].split()[2:])
    spots = [
        tuple(map(float, spot.split(",")))
        for line in root.iter("{http://www.w3.org/2000/svg}polyline")
        for spot in line.attrib["points"].split()
    ]
    assert len(spots) == 4
    assert all(0 <= x <= width and 0 <= y <= height for x, y in spots)
    assert "<a> & b" in [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]


def test_a_joined_clip_shows_the_clip_again_and_again(tmp_path: Path) -> None:
    unit = render(tmp_path / "unit.mp4", Clip(frames=20))
    long = clips.joined(unit, 3, tmp_path / "long.mp4")
    media, index = probe(long)
    assert (media.frame_count, media.duration_ms, media.frame_rate) == (60, 2400, 25)
    frames = read(long, media, index, Stretch(15, 45))
    assert [number_shown(frame.luma()) for frame in frames] == [number % 20 for number in range(15, 45)]


def test_a_clip_is_made_at_any_size_and_rate(tmp_path: Path) -> None:
    unit = render(tmp_path / "unit.mp4", Clip(frames=25))
    media, _ = probe(clips.encoded(unit, tmp_path / "small.mp4", 32, 10, 3))
    assert (media.width, media.height, media.frame_rate, media.frame_count) == (128, 32, 10, 30)


def test_rows_of_a_clip_are_repeated_in_any_stretch() -> None:
    rows = [(0, "a"), (5, "b")]
    assert list(again(rows, 10, Stretch(5, 21))) == [(5, "b"), (10, "a"), (15, "b"), (20, "a")]


def test_what_stands_around_the_tables_is_kept() -> None:
    present = f"before\n{report.BEGIN}old\n{report.END}after\n"
    series = {"workers": {"points": [{"workers": n, "wall_s": 4.0 / n, "cpu_s": 4.0, "chunks": 12} for n in (1, 2)]}}
    page = report.page(present, series)
    assert page.startswith("before\n")
    assert page.endswith("after\n")
    assert "| 2 | 2.00 | 1.00 |" in page
    assert "old" not in page
    assert report.page(page, series) == page
    with pytest.raises(ValueError, match="no place"):
        report.page("nothing", series)
