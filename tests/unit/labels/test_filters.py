"""Settings.GeneralLabels: what is kept, and which names are refused."""

from typing import Any

import pytest

from pipeline.errors import RequestError
from pipeline.labels.filters import check_filters, label_filter
from pipeline.labels.vocabulary import CATEGORIES, vocabulary


def general(**filters: list[str]) -> dict[str, Any]:
    return {"Settings": {"GeneralLabels": filters}}


def refusal(**filters: list[str]) -> str:
    with pytest.raises(RequestError) as caught:
        check_filters(general(**filters))
    assert caught.value.code == "InvalidParameterException"
    return caught.value.message


@pytest.mark.parametrize("request_", [{}, {"Settings": {}}, {"Settings": {"ImageProperties": {}}}, general()])
def test_without_filters_every_label_is_kept(request_: dict[str, Any]) -> None:
    check_filters(request_)
    assert all(map(label_filter(request_).keeps, vocabulary().labels.values()))


@pytest.mark.parametrize("change", [str, str.lower, str.upper])
def test_every_name_can_be_included_and_excluded_in_any_case(change: Any) -> None:
    for label in vocabulary().labels.values():
        only, without = (general(**{f"Label{kind}clusionFilters": [change(label.name)]}) for kind in ("In", "Ex"))
        check_filters(only)
        assert label_filter(only).keeps(label)
        assert not label_filter(without).keeps(label)
    every = general(LabelCategoryInclusionFilters=[change(name) for name in CATEGORIES])
    check_filters(every)
    assert all(map(label_filter(every).keeps, vocabulary().labels.values()))


@pytest.mark.parametrize("member", ["LabelCategoryInclusionFilters", "LabelCategoryExclusionFilters"])
def test_a_category_that_does_not_exist_is_refused_by_name(member: str) -> None:
    said = refusal(**{member: ["Food and Beverage", "Animals & Pets"]})
    assert f"Settings.GeneralLabels.{member}" in said
    assert "'Animals & Pets'" in said
    assert "'Animals and Pets'" in said
    assert refusal(**{member: ["vehicle"]}).endswith("did you mean 'Vehicles and Automotive'?")
    assert refusal(**{member: [""]}).endswith("'' is no label category.")


def test_labels_of_which_none_exists_are_refused_with_those_that_are_near() -> None:
    assert "'Bicycle'" in refusal(LabelInclusionFilters=["Bicicle"])
    assert "did you mean 'Car'" in refusal(LabelInclusionFilters=["Automobile"]), "an alias leads to its label"
    assert "'Golden Retriever'" in refusal(LabelInclusionFilters=["retriever"]), "a word of a name leads to it"
    assert "'Golden Hour' or 'Qqqq'" in refusal(LabelInclusionFilters=["Golden Hour", "Qqqq"])


@pytest.mark.parametrize(
    "filters",
    [
        {"LabelInclusionFilters": ["Golden Hour", "car"]},
        {"LabelInclusionFilters": ["Golden Hour"], "LabelCategoryInclusionFilters": ["Sports"]},
        {"LabelExclusionFilters": ["Golden Hour"]},
        {"LabelInclusionFilters": []},
    ],
)
def test_unknown_labels_beside_known_ones_are_let_be(filters: dict[str, list[str]]) -> None:
    check_filters(general(**filters))
