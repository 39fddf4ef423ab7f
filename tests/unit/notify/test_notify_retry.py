"""The phases and the back-off of retries."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.notify.retry import BACKOFFS, DEFAULT_RETRY, JITTER, QUEUE_RETRY, RetryPolicy


def seconds(policy: RetryPolicy) -> list[float]:
    delays = [policy.delay(failures) for failures in range(1, policy.retries + 1)]
    assert policy.delay(policy.retries + 1) is None
    return [delay.total_seconds() for delay in delays if delay is not None]


def test_the_default_is_three_retries_twenty_seconds_apart() -> None:
    assert seconds(DEFAULT_RETRY) == [20, 20, 20]


def test_the_phases_of_the_developer_guides_example() -> None:
    policy = RetryPolicy(1, 60, retries=50, at_once=3, before=2, after=35, backoff="exponential")
    delays = seconds(policy)
    assert len(delays) == 50
    assert delays[:5] == [0, 0, 0, 1, 1]
    assert (delays[5], delays[14]) == (1, 60)
    assert delays[15:] == [60] * 35
    assert policy.total_s == pytest.approx(sum(delays))


def test_queues_are_retried_as_sns_does_but_not_for_weeks() -> None:
    delays = seconds(QUEUE_RETRY)
    assert delays[:5] == [0, 0, 0, 1, 1]
    assert (delays[5], delays[14]) == (1, 20)
    assert QUEUE_RETRY.total_s < 600


def test_the_curves_lie_over_one_another() -> None:
    """As in the guide's picture: 10 retries from 5 to 260 s."""
    curves = [seconds(RetryPolicy(5, 260, retries=10, backoff=name)) for name in BACKOFFS]
    for middle in range(1, 9):
        heights = [curve[middle] for curve in curves]
        assert heights == sorted(heights, reverse=True)
        assert len(set(heights)) == len(heights)


@given(st.sampled_from(BACKOFFS), st.integers(0, 100), st.integers(1, 60), st.integers(0, 600))
def test_delays_grow_from_least_to_most(backoff: str, retries: int, least: int, more: int) -> None:
    delays = seconds(RetryPolicy(least, least + more, retries, backoff=backoff))
    assert len(delays) == retries
    assert delays == pytest.approx(sorted(delays))
    if retries > 1:
        assert (delays[0], delays[-1]) == pytest.approx((least, least + more))


def test_jitter_delays_each_delivery_by_its_own_share_and_always_the_same() -> None:
    delays = {DEFAULT_RETRY.delay(1, f"delivery {number}") for number in range(100)}
    assert len(delays) == 100
    assert all(one and timedelta(seconds=20) <= one <= timedelta(seconds=20 * (1 + JITTER)) for one in delays)
    assert DEFAULT_RETRY.delay(1, "a") == DEFAULT_RETRY.delay(1, "a")
    assert DEFAULT_RETRY.delay(1, "a") != DEFAULT_RETRY.delay(2, "a")
    assert RetryPolicy(at_once=3).delay(1, "a") == timedelta()
