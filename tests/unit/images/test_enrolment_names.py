"""What photos and people of a folder are called in a collection, and who is meant where several are seen."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.images.enrolment import label_of, meant, named, photos_of


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("Ann Lee/at home.jpg", "Ann_Lee:at_home"),
        ("Ann_Lee/2024/May-1.v2.png", "Ann_Lee:2024:May-1.v2"),
        ("Renée Müller.jpeg", "Renee_Muller"),
        ("Rene\u0301e Mu\u0308ller.jpeg", "Renee_Muller"),
        ("O'Hara/1.jpg", "O_Hara:1-8dd53d13"),
        ("王/1.jpg", "_:1-c4b3b8fd"),
    ],
)
def test_labels_tell_the_photo(path: str, label: str) -> None:
    assert re.sub(r"-[0-9a-f]{8}$", "", label_of(Path(path))) == re.sub(r"-[0-9a-f]{8}$", "", label)
    assert len(label_of(Path(path))) == len(label)


@given(st.text(), st.sampled_from([128, 255]))
def test_names_are_always_of_the_form_that_the_api_has(text: str, most: int) -> None:
    name = named(text, most)
    assert re.fullmatch(r"[a-zA-Z0-9_.\-:]*", name)
    assert len(name) <= most
    assert name


def test_names_that_lose_something_stay_different() -> None:
    people = ["", "\u0308", "王", "李", "张", "O'Hara", "O*Hara", "x" * 300, "x" * 301, "\udcff"]
    assert len({named(person, 128) for person in people}) == len(people)


def test_photos_are_found_at_any_depth_but_not_hidden_ones(tmp_path: Path) -> None:
    for name in ("b/2.JPG", "b/deep/1.jpeg", "a.png", "b/notes.txt", ".git/x.jpg", "b/._2.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = photos_of(tmp_path)
    assert [(photo.label, photo.person) for photo in found] == [("a", "a"), ("b:2", "b"), ("b:deep:1", "b")]


def test_the_clearly_largest_face_is_meant() -> None:
    assert meant([]) is None
    assert meant([0.1]) == 0
    assert meant([0.1, 0.3, 0.05]) == 1
    assert meant([0.2, 0.3]) is None
