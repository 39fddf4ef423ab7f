"""From what was measured to technical cues, on programmes made up frame by frame."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.aggregate.black import dark_frames
from pipeline.aggregate.cue_evidence import Cue, CueEvidence
from pipeline.aggregate.cue_text import TextSample, text_sample
from pipeline.aggregate.cues import technical_cues
from pipeline.detect.types import TextLines

RATE, STEP = 25, 12
NOTHING = frozenset[str]()
CREDITS = frozenset({"produced", "director", "music"})
SLATE = frozenset({"episode", "duration"})


@dataclass(frozen=True)
class Part:
    """Some frames that look alike."""

    frames: int
    black: bool = False
    bars: float = 0.0
    plain: float = 0.2
    centred: float = 0.5
    change: float = 2.0
    lines: int = 0
    slate: frozenset[str] = NOTHING
    credits: frozenset[str] = NOTHING
    counts_from: int = -1

    def text(self, frame: int, begin: int) -> TextSample:
        number = self.counts_from - (frame - begin) // RATE if self.counts_from >= 0 else -1
        return TextSample(frame, self.lines, self.slate, NOTHING, self.credits, number >= 0, number)


BLACK, BARS = Part(50, black=True, plain=1, change=0), Part(75, bars=1.0, change=0.1)
FILM = Part(500)
LOGO = Part(90, plain=0.9, centred=1, change=0.5, lines=1)
CARD = Part(100, plain=0.9, change=0.1, lines=8, credits=CREDITS)
SLATE_CARD = Part(100, plain=0.9, change=0.1, lines=6, slate=SLATE)
COUNT = Part(125, plain=0.9, change=1, counts_from=5)
TITLES = Part(150, lines=2, credits=CREDITS)


def evidence(parts: Sequence[Part], offset: int = 0) -> CueEvidence:
    """A video of the parts, joined by cuts; text is read every `STEP` frames from `offset` on."""
    starts = np.cumsum([0, *(part.frames for part in parts)]).tolist()
    rows = [(part.bars, part.change, part.plain, part.centred) for part in parts for _ in range(part.frames)]
    layout = np.array(rows, np.float32)
    layout[starts[1:-1], 1] = 40
    dark = np.array([part.black for part in parts for _ in range(part.frames)])
    texts = [
        part.text(frame, begin)
        for part, (begin, end) in zip(parts, pairwise(starts), strict=True)
        for frame in range(begin, end)
        if frame % STEP == offset
    ]
    seconds = np.arange(len(layout) + 1) / RATE
    return CueEvidence(seconds, layout, dark_frames(dark), np.zeros(len(layout), np.float32), texts)


def cues(*parts: Part, offset: int = 0) -> list[tuple[str, int, int]]:
    seen = evidence(parts, offset)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], seen.dark, [0])))).tolist()
    black = [Cue("BlackFrames", a, b - 1, 100) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    found = technical_cues(seen, black)
    assert all(50 <= cue.confidence <= 100 for cue in found)
    return [(cue.kind, cue.start, cue.end) for cue in found]


def expected(*parts: tuple[str, Part]) -> list[tuple[str, int, int]]:
    starts = np.cumsum([0, *(part.frames for _, part in parts)]).tolist()
    return [(kind, a, b - 1) for (kind, _), (a, b) in zip(parts, pairwise(starts), strict=True)]


PROGRAMME = (
    ("ColorBars", BARS),
    ("Slate", SLATE_CARD),
    ("BlackFrames", BLACK),
    ("Slate", COUNT),
    ("BlackFrames", BLACK),
    ("StudioLogo", LOGO),
    ("BlackFrames", BLACK),
    ("StudioLogo", LOGO),
    ("BlackFrames", BLACK),
    ("OpeningCredits", TITLES),
    ("Content", FILM),
    ("BlackFrames", BLACK),
    ("Content", FILM),
    ("EndCredits", CARD),
    ("BlackFrames", BLACK),
)


@pytest.mark.parametrize("offset", [0, 5, 11])
def test_a_whole_programme_is_told_apart_to_the_frame(offset: int) -> None:
    assert cues(*(part for _, part in PROGRAMME), offset=offset) == expected(*PROGRAMME)


def test_a_video_of_one_picture_is_content() -> None:
    assert cues(FILM) == [("Content", 0, 499)]


def test_content_is_as_sure_as_the_less_sure_of_what_it_lies_between() -> None:
    black = [Cue("BlackFrames", 100, 199, 80), Cue("BlackFrames", 300, 349, 60), Cue("BlackFrames", 420, 499, 90)]
    found = [cue for cue in technical_cues(evidence([FILM]), black) if cue.kind == "Content"]
    assert [(cue.start, cue.end, cue.confidence) for cue in found] == [(0, 99, 80), (200, 299, 60), (350, 419, 60)]


def test_bars_in_the_middle_of_a_recording_are_found_and_disturbances_bridged() -> None:
    found = cues(FILM, BARS, Part(5, change=20), BARS, FILM, Part(6, bars=1.0), FILM)
    assert found == [("Content", 0, 499), ("ColorBars", 500, 654), ("Content", 655, 1660)]


@pytest.mark.parametrize(
    "part",
    [
        Part(100, plain=0.9, lines=1),
        Part(100, lines=2),
        Part(100, plain=0.9, lines=3, slate=frozenset({"scene"})),
        Part(100, plain=0.9, counts_from=-1),
    ],
    ids=["a title", "two lines in the scene", "one word of a slate", "no text"],
)
def test_pictures_with_some_text_are_content(part: Part) -> None:
    assert cues(FILM, part, FILM) == [("Content", 0, 1099)]


def test_a_slide_in_the_middle_of_a_talk_is_no_credits() -> None:
    slide = Part(100, plain=0.9, lines=5)
    assert cues(FILM, FILM, FILM, slide, FILM) == [("Content", 0, 2099)]
    assert ("EndCredits", 1500, 1599) in cues(FILM, FILM, FILM, slide, BLACK)


def test_end_credits_may_be_followed_by_a_scene_when_they_speak_of_work() -> None:
    assert ("EndCredits", 1500, 1599) in cues(FILM, FILM, FILM, CARD, FILM)


def test_text_that_is_always_there_is_no_credits() -> None:
    marked = Part(700, lines=2, credits=CREDITS)
    assert cues(BLACK, marked, BLACK, marked, BLACK)[1] == ("Content", 50, 749)


def test_names_belong_to_titles_and_signs_in_the_scene_do_not() -> None:
    name, sign = Part(50, lines=1), Part(25, lines=1)
    found = cues(Part(50), TITLES, name, Part(100), sign, FILM, FILM, FILM)
    assert [cue for cue in found if cue[0] != "Content"] == [("OpeningCredits", 50, 249)]


def test_cards_of_end_credits_are_one_stretch() -> None:
    pause = Part(20, black=True, plain=1, change=0)
    found = cues(FILM, FILM, CARD, pause, CARD, pause, CARD)
    assert [cue for cue in found if cue[0] == "EndCredits"] == [("EndCredits", 1000, 1339)]


def test_a_number_that_stands_still_counts_nothing_down() -> None:
    parts = [Part(25, plain=0.9, counts_from=7) for _ in range(5)]
    assert cues(*parts, FILM) == [("Content", 0, 624)]


@pytest.mark.parametrize(
    "mark",
    [Part(90, plain=0.2, centred=1), Part(90, plain=0.9, centred=0.5), Part(90, plain=0.9, centred=1, change=9)],
    ids=["picture", "off the middle", "lively"],
)
def test_what_stands_between_black_is_a_logo_only_with_a_calm_mark_in_its_middle(mark: Part) -> None:
    assert "StudioLogo" not in {kind for kind, _, _ in cues(BLACK, mark, BLACK, FILM, FILM)}


def test_a_logo_behind_the_first_scene_is_none_and_one_behind_the_credits_is() -> None:
    assert "StudioLogo" not in {kind for kind, _, _ in cues(FILM, BLACK, LOGO, BLACK, FILM, FILM, FILM, FILM)}
    assert ("StudioLogo", 1150, 1239) in cues(FILM, FILM, CARD, BLACK, LOGO)


PARTS = st.sampled_from(
    [BLACK, BARS, FILM, LOGO, CARD, SLATE_CARD, COUNT, TITLES, Part(3, black=True), Part(2), Part(1)]
)


@given(st.lists(PARTS, min_size=1, max_size=8), st.integers(0, STEP - 1))
def test_content_and_cues_lie_inside_and_content_overlaps_none(parts: list[Part], offset: int) -> None:
    found = cues(*parts, offset=offset)
    count = sum(part.frames for part in parts)
    assert all(0 <= start <= end < count for _, start, end in found)
    content = {frame for kind, a, b in found if kind == "Content" for frame in range(a, b + 1)}
    others = {frame for kind, a, b in found if kind != "Content" for frame in range(a, b + 1)}
    assert content.isdisjoint(others)


@dataclass
class Page:
    """Lines of text, each with a confidence and a box: left, top, width, height."""

    lines: list[tuple[str, float, tuple[float, float, float, float]]] = field(default_factory=list)

    def found(self) -> TextLines:
        words = [(word, confidence) for text, confidence, _ in self.lines for word in text.split()]
        quads = [[(x, y), (x + w, y), (x + w, y + h), (x, y + h)] for _, _, (x, y, w, h) in self.lines]
        return TextLines(
            quads=np.array(quads, np.float32).reshape(-1, 4, 2),
            word_counts=np.array([len(text.split()) for text, _, _ in self.lines], np.int64),
            word_quads=np.zeros((len(words), 4, 2), np.float32),
            confidences=np.array([confidence for _, confidence in words], np.float32),
            lengths=np.array([len(word) for word, _ in words], np.int64),
            characters=np.array([ord(c) for word, _ in words for c in word], np.int64),
        )


LEFT, MIDDLE = (0.1, 0.1, 0.3, 0.05), (0.4, 0.3, 0.2, 0.4)


def test_words_are_read_out_of_lines() -> None:
    page = Page(
        [("EPISODE: 104", 0.95, LEFT), ("Duration 00:42:10", 0.9, LEFT), ("Audio", 0.3, LEFT), ("山", 0.9, LEFT)]
    )
    sample = text_sample(7, page.found())
    assert (sample.frame, sample.lines, sample.slate, sample.more_slate) == (7, 2, {"episode", "duration"}, NOTHING)
    assert sample.is_slate
    credit = text_sample(0, Page([("Directed by Lucy Hale", 0.9, LEFT)]).found())
    assert (credit.credits, credit.is_slate) == ({"directed"}, False)
    assert text_sample(0, Page([("DIRECTEDBY LucyHale", 0.9, LEFT)]).found()).credits == {"directed"}


@pytest.mark.parametrize(
    ("lines", "counts", "number"),
    [
        ([("(5", 0.5, MIDDLE)], True, 5),
        ([("10", 0.9, MIDDLE)], True, 10),
        ([("A", 0.5, MIDDLE)], True, -1),
        ([("5", 0.9, LEFT)], False, -1),
        ([("500", 0.9, MIDDLE)], False, -1),
        ([("5", 0.9, MIDDLE), ("Live", 0.9, LEFT)], False, -1),
        ([], False, -1),
    ],
)
def test_only_a_high_number_alone_in_the_middle_counts(
    lines: list[tuple[str, float, tuple[float, float, float, float]]], counts: bool, number: int
) -> None:
    sample = text_sample(0, Page(lines).found())
    assert (sample.counts, sample.number) == (counts, number)
