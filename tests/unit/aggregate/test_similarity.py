"""The scale of similarities."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.aggregate.similarity import COSINE_80, COSINE_99, least_cosine, similarity

COSINES = st.floats(-1, 1)


def test_the_scale_goes_through_its_points() -> None:
    assert similarity(COSINE_80) == pytest.approx(80, abs=0.001)
    assert similarity(COSINE_99) == pytest.approx(99, abs=0.001)
    assert similarity(1) == 100
    assert similarity(1.0000001) == 100
    assert similarity(-1) == 0


def test_what_authors_of_the_network_take_for_one_person_is_not_enough() -> None:
    assert similarity(0.363) < 50


@given(COSINES, COSINES)
def test_similarity_rises_with_the_cosine(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0 <= similarity(low) <= similarity(high) <= 100


@given(COSINES, st.floats(0, 100))
def test_a_threshold_passes_what_is_shown_to_reach_it(cosine: float, least: float) -> None:
    if abs(cosine - least_cosine(least)) > 1e-9:
        assert (cosine >= least_cosine(least)) == (similarity(cosine) >= least - 0.00005)


@given(st.floats(0.01, 99.99))
def test_thresholds_are_turned_into_cosines_and_back(least: float) -> None:
    assert similarity(least_cosine(least)) == pytest.approx(least, abs=0.00015)


def test_the_ends_of_the_scale_are_reached() -> None:
    assert least_cosine(0) == -1
    assert COSINE_99 < least_cosine(100) < 1
    assert similarity(least_cosine(100)) == pytest.approx(100, abs=0.00015)
