import re
from importlib.resources import files

import pytest

from pipeline.labels.vocabulary import CATEGORIES, Label, vocabulary

WORDS = vocabulary()
# `GeneralLabelsFilterValue` of the service model: what a filter may name.
PATTERN = re.compile(r"[A-Za-z0-9àâèçñó'-_(). ]*")


def test_every_class_of_the_models_has_a_label() -> None:
    assert len(WORDS.coco) == 80
    assert len(WORDS.imagenet) == 1000
    assert {*WORDS.coco, *WORDS.imagenet} <= WORDS.labels.keys()


def test_no_label_is_its_own_ancestor_and_ancestry_is_closed() -> None:
    for name, label in WORDS.labels.items():
        assert name == label.name
        assert name not in label.parents
        assert len(set(label.parents)) == len(label.parents)
        for parent in label.parents:
            assert set(WORDS.labels[parent].parents) <= set(label.parents)


def test_every_label_has_documented_categories() -> None:
    for label in WORDS.labels.values():
        assert label.categories
        assert set(label.categories) <= CATEGORIES


def test_filters_can_name_every_label_category_and_alias() -> None:
    names = [*WORDS.labels, *CATEGORIES, *(alias for label in WORDS.labels.values() for alias in label.aliases)]
    assert [n for n in names if not PATTERN.fullmatch(n) or not 0 < len(n) <= 50] == []


def test_a_name_means_one_label() -> None:
    aliases = [alias.casefold() for label in WORDS.labels.values() for alias in label.aliases]
    names = [name.casefold() for name in WORDS.labels]
    assert len({*aliases, *names}) == len(aliases) + len(names)


@pytest.mark.parametrize(
    ("number", "name", "ancestors"),
    [
        (0, "Person", []),
        (2, "Car", ["Vehicle", "Transportation"]),
        (16, "Dog", ["Canine", "Pet", "Mammal", "Animal"]),
        (63, "Laptop", ["Pc", "Computer", "Electronics"]),
        (67, "Mobile Phone", ["Phone", "Electronics"]),
        (79, "Toothbrush", []),
    ],
)
def test_objects_are_named_as_rekognition_does(number: int, name: str, ancestors: list[str]) -> None:
    assert WORDS.coco[number] == name
    assert list(WORDS.labels[name].parents) == ancestors


@pytest.mark.parametrize(
    ("number", "name", "ancestor"),
    [
        (207, "Golden Retriever", "Dog"),
        (281, "Tabby Cat", "Cat"),
        (417, "Balloon", "Aircraft"),
        (817, "Sports Car", "Car"),
        (963, "Pizza", "Food"),
        (430, "Basketball (Ball)", "Basketball"),
        (652, "Military Uniform", "Military"),
        (7, "Rooster", "Chicken"),
    ],
)
def test_classes_of_imagenet_have_their_ancestors(number: int, name: str, ancestor: str) -> None:
    assert WORDS.imagenet[number] == name
    assert ancestor in WORDS.labels[name].parents


def test_a_label_inherits_the_categories_of_its_parents() -> None:
    assert WORDS.labels["Golden Retriever"].categories == ("Animals and Pets",)
    assert WORDS.labels["Person"] == Label("Person", (), ("Human",), ("Person Description",))


def test_breeds_are_all_dogs() -> None:
    assert all("Dog" in WORDS.labels[name].parents for name in WORDS.imagenet[151:269])


def test_the_derived_files_follow_the_curated_ones() -> None:
    folder = files("pipeline.labels")
    curated = [
        line.split("\t")
        for line in folder.joinpath("taxonomy.tsv").read_text(encoding="utf-8").splitlines()
        if line[0] != "#"
    ]
    assert {name for name, *_ in curated} <= WORDS.labels.keys()
    assert all(set(parents.split(";")) - {"-"} <= {*WORDS.labels[name].parents} for name, parents, *_ in curated)
    renamed = [line.split("\t") for line in folder.joinpath("renames.tsv").read_text(encoding="utf-8").splitlines()]
    assert all(WORDS.imagenet[int(number)] == name for number, name in renamed)


@pytest.mark.parametrize(
    ("name", "ancestors", "category"),
    [
        ("City", ["Urban"], "Buildings and Architecture"),
        ("Street", ["City", "Road", "Urban"], "Transport and Logistics"),
        ("Beach", ["Coast", "Water", "Nature", "Outdoors"], "Nature and Outdoors"),
        ("Kitchen", ["Room", "Indoors"], "Kitchen and Dining"),
        ("Face", ["Head", "Person"], "Person Description"),
        ("Crowd", ["Person"], "Person Description"),
        ("Skiing", ["Sport", "Person", "Snow", "Nature", "Outdoors"], "Actions"),
    ],
)
def test_places_and_activities_have_ancestors_and_categories(name: str, ancestors: list[str], category: str) -> None:
    assert list(WORDS.labels[name].parents) == ancestors
    assert category in WORDS.labels[name].categories


def test_names_are_in_title_case() -> None:
    small = {"of", "the", "and", "in", "des"}
    for name in WORDS.labels:
        first, *rest = name.split()
        assert not first[0].islower(), name
        assert all(not word[0].islower() or word in small for word in rest), name
