"""Text is read where it changed, carried where it did not, and it makes no difference where the video was cut."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.detect.text_change import Look
from pipeline.detect.text_lines import EPOCH, TextLineDetector, Walk
from pipeline.detect.text_reading import Reader
from pipeline.detect.types import Joined, TextBoxes, TextLines
from pipeline.media.types import Stretch

WIDTH, HEIGHT = 320, 180
BOX = np.array([[40, 60], [240, 60], [240, 84], [40, 84]], np.float32)


@dataclass
class Scale:
    """A session that reads a line's mean brightness, 0 to 9, from its left half."""

    version: str = "1"
    lines: int = 0
    chance: float = 0.95

    @property
    def metadata(self) -> Mapping[str, str]:
        return {"character": "\n".join("0123456789")}

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        planes = inputs["x"]
        self.lines += len(planes)
        chances = np.full((len(planes), planes.shape[3] // 8, 12), 0.001, np.float32)
        chances[:, :, 0] = 0.9
        for row, plane in enumerate(planes):
            level = int((plane[:, 8:40, 8:150].mean() + 1) * 127.5 // 26)
            chances[row, 5, level + 1] = self.chance
        return [chances]


def picture(level: int, mark: int = 0) -> NDArray[np.uint8]:
    """A line of brightness `level` (0 to 9) with a mark at its right end."""
    pixels = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    pixels[60:84, 40:240] = level * 26 + 10
    pixels[66:78, 225:233] = mark
    return pixels


def boxes(*quads: NDArray[np.float32]) -> TextBoxes:
    corners = np.array(quads, np.float32).reshape(-1, 4, 2) / np.float32([WIDTH, HEIGHT])
    return TextBoxes(corners, np.full(len(quads), 0.8, np.float32))


EVERYTHING = Stretch(0, 10_000)


def walk(session: Scale, stretch: Stretch = EVERYTHING) -> Walk:
    return TextLineDetector(Reader(session)).open(stretch, stretch.stop)


def text(lines: TextLines) -> str:
    return "".join(map(chr, lines.characters))


def test_what_does_not_change_is_read_once_an_epoch() -> None:
    session = Scale()
    run = walk(session)
    rng = np.random.default_rng(1)
    found = []
    for frame in range(0, EPOCH + 24, 12):
        noisy = np.clip(picture(5) + rng.normal(0, 3, (HEIGHT, WIDTH, 3)), 0, 255).astype(np.uint8)
        found += list(run.add(frame, Joined(noisy, boxes(BOX + rng.uniform(-2, 2)))))
    assert [text(lines) for _, lines in found] == ["5"] * len(found)
    assert (run.lines_read, run.lines_carried, session.lines) == (2, len(found) - 2, 2)


def test_a_small_change_is_read_anew() -> None:
    run = walk(Scale())
    for frame, (level, mark) in enumerate([(5, 0), (5, 0), (5, 60), (6, 60), (6, 60)]):
        ((_, lines),) = run.add(frame, Joined(picture(level, mark), boxes(BOX)))
        assert text(lines) == str(level)
    assert (run.lines_read, run.lines_carried) == (3, 2)


def test_letters_that_appear_beside_a_line_are_a_change() -> None:
    longer = picture(5)
    longer[66:78, 242:250] = 250
    assert Look.of(picture(5), BOX).is_still_in(picture(5))
    assert not Look.of(picture(5), BOX).is_still_in(longer)


def test_another_box_over_the_same_pixels_is_read_anew() -> None:
    run = walk(Scale())
    half = BOX.copy()
    half[1:3, 0] = 140
    for frame, box in enumerate([BOX, half, BOX]):
        list(run.add(frame, Joined(picture(5), boxes(box))))
    assert (run.lines_read, run.lines_carried) == (3, 0)


def test_uncertain_lines_are_tried_the_other_way_round() -> None:
    session = Scale(chance=0.99)
    list(walk(session).add(0, Joined(picture(4), boxes(BOX))))
    assert session.lines == 1
    session = Scale(chance=0.5)
    list(walk(session).add(0, Joined(picture(4), boxes(BOX))))
    assert session.lines == 2


def test_no_boxes_is_an_empty_answer() -> None:
    ((_, lines),) = walk(Scale()).add(0, Joined(picture(5), boxes()))
    assert lines.quads.shape == (0, 4, 2)
    assert lines.word_quads.shape == (0, 4, 2)
    assert len(lines.characters) == len(lines.lengths) == len(lines.word_counts) == len(lines.confidences) == 0


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from([0, 3, 6, 120])), min_size=12, max_size=16),
    st.integers(3, 40),
    st.integers(1, 11),
)
def test_where_the_video_is_cut_makes_no_difference(shown: list[tuple[int, int]], step: int, cut: int) -> None:
    frames = [(k * step, Joined(picture(*what), boxes(BOX))) for k, what in enumerate(shown)]
    border = cut * step - 1

    def answers(stretch: Stretch) -> list[tuple[int, list[Any]]]:
        detector = TextLineDetector(Reader(Scale()))
        run = detector.open(stretch, 10_000)
        fed = [f for f in frames if stretch.start - detector.context <= f[0] < stretch.stop + detector.context]
        found = [answer for number, joined in fed for answer in run.add(number, joined)]
        return [
            (number, [lines.quads.tolist(), text(lines), lines.confidences.tolist()])
            for number, lines in found
            if stretch.start <= number < stretch.stop
        ]

    whole = answers(Stretch(0, 10_000))
    assert [number for number, _ in whole] == [number for number, _ in frames]
    assert answers(Stretch(0, border)) + answers(Stretch(border, 10_000)) == whole


def test_frames_beyond_the_epoch_and_the_stretch_are_not_read() -> None:
    session = Scale()
    run = walk(session, Stretch(2 * EPOCH + 5, 2 * EPOCH + 30))
    for frame in range(EPOCH, 4 * EPOCH, 10):
        list(run.add(frame, Joined(picture(frame // 10 % 10), boxes(BOX))))
    assert session.lines == 3
