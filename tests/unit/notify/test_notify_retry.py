"""The back-off of retries."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipeline.notify.retry import DEFAULT_RETRY, RetryPolicy


def test_the_default_is_three_retries_twenty_seconds_apart() -> None:
    assert [DEFAULT_RETRY.delay(failures) for failures in (1, 2, 3)] == [timedelta(seconds=20)] * 3
    assert DEFAULT_RETRY.delay(4) is None


@given(st.integers(0, 100), st.integers(1, 60), st.integers(0, 600))
def test_delays_grow_in_a_line_from_least_to_most(retries: int, least: int, more: int) -> None:
    policy = RetryPolicy(retries, least, least + more)
    delays = [policy.delay(failures) for failures in range(1, retries + 1)]
    assert None not in delays
    assert policy.delay(retries + 1) is None
    seconds = [delay.total_seconds() for delay in delays if delay is not None]
    assert seconds == sorted(seconds)
    if retries > 1:
        assert (seconds[0], seconds[-1]) == (least, least + more)
