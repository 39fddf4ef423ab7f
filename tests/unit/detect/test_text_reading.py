"""Best paths decoded into characters and words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.detect.text_reading import BUCKET, LONE, NARROWEST, Reader, spots, words

ALPHABET = ["", "A", "B", "C", "港", " "]


def path(steps: str, chance: float = 0.9) -> NDArray[np.float32]:
    """Probabilities (T, classes) whose best path is written with "-" for the blank."""
    chances = np.full((len(steps), len(ALPHABET)), (1 - chance) / (len(ALPHABET) - 1), np.float32)
    for step, character in enumerate(steps):
        chances[step, 0 if character == "-" else ALPHABET.index(character)] = chance
    return chances


@pytest.mark.parametrize(
    ("steps", "text"),
    [("--AA-B--", "AB"), ("AAA", "A"), ("A-A", "AA"), ("----", ""), ("AB C", "AB C"), ("港--港", "港港")],
)
def test_repeats_fold_and_blanks_vanish(steps: str, text: str) -> None:
    assert "".join(spot.character for spot in spots(path(steps), ALPHABET)) == text


def test_a_character_is_as_sure_as_its_surest_step() -> None:
    chances = path("AA-B")
    chances[1, 1] = 0.97
    assert [spot.chance for spot in spots(chances, ALPHABET)] == pytest.approx([0.97, 0.9])
    assert [spot.centre for spot in spots(chances, ALPHABET)] == [1, 3.5]


def test_words_end_between_their_neighbours() -> None:
    line = "-A-B-A- -B-C-C--"
    first, second = words(spots(path(line), ALPHABET), len(line))
    assert (first.text, second.text) == ("ABA", "BCC")
    assert first.begin == 0
    assert first.end == pytest.approx(6.5 / 16)
    assert second.begin == pytest.approx(8.5 / 16)
    assert second.end == 1
    assert first.confidence == pytest.approx(0.9**3)


def test_a_character_on_its_own_must_be_surer() -> None:
    (lone,) = words(spots(path("-A-"), ALPHABET), 3)
    assert lone.confidence == pytest.approx(0.9 * LONE)
    first, second = words(spots(path("-A- -B-"), ALPHABET), 7)
    assert (first.confidence, second.confidence) == (pytest.approx(0.9), pytest.approx(0.9))


def test_words_never_overlap_nor_leave_the_line() -> None:
    found = words(spots(path("A B"), ALPHABET), 3)
    assert [word.text for word in found] == ["A", "B"]
    assert 0 <= found[0].begin < found[0].end <= found[1].begin < found[1].end <= 1


def test_spaced_letters_are_words_of_some_width() -> None:
    found = words(spots(path("-A- -B- -C-"), ALPHABET), 11)
    assert [(round(w.begin * 11, 3), round(w.end * 11, 3)) for w in found] == [(0, 2.5), (4.5, 6.5), (8.5, 11)]


def test_spaces_at_the_ends_are_no_words() -> None:
    assert [word.text for word in words(spots(path(" -A- "), ALPHABET), 5)] == ["A"]
    assert words(spots(path("  - "), ALPHABET), 4) == []


@dataclass
class Typist:
    """A session that writes A, B, C or 港 at the second step, by how bright the line is at its brightest."""

    version: str = "1"
    widths: list[tuple[int, int]] = field(default_factory=list)

    @property
    def metadata(self) -> Mapping[str, str]:
        return {"character": "A\nB\nC\n港"}

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        planes = inputs["x"]
        self.widths.append((len(planes), planes.shape[3]))
        letters = ["ABC港"[int(plane.max() * 127.5) // 32] for plane in planes]
        answers = [path(f"-{letter}".ljust(planes.shape[3] // 8, "-")) for letter in letters]
        return [np.stack(answers)]


def test_lines_are_read_in_batches_of_equal_width_and_answered_in_order() -> None:
    typist = Typist()
    crops = [np.zeros((48, width, 3), np.float32) for width in (600, 100, 580, 90)]
    for crop, level in zip(crops, (250, 220, 180, 140), strict=True):
        crop[:, 20] = level
    found = Reader(typist).read(crops)
    assert typist.widths == [(2, NARROWEST), (2, 640)]
    assert 640 % BUCKET == 0
    assert [[word.text for word in line] for line in found] == [["港"], ["C"], ["B"], ["A"]]
    assert [(word.begin, word.end) for (word,) in found] == [(0, 1)] * 4


def test_nothing_to_read_is_no_work() -> None:
    typist = Typist()
    assert Reader(typist).read([]) == []
    assert not typist.widths
