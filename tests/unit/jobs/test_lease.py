"""The thread that keeps a lease alive."""

import threading

import pytest

from pipeline.conduct.lease import Heartbeat
from pipeline.errors import LeaseLost


def test_a_lease_is_renewed_until_the_block_ends() -> None:
    beats, thrice = [], threading.Event()

    def renew() -> bool:
        beats.append(1)
        if len(beats) == 3:
            thrice.set()
        return True

    with Heartbeat(renew, 0.001) as lease:
        assert thrice.wait(10)
        lease.check()
    assert "heartbeat" not in {thread.name for thread in threading.enumerate()}


def test_a_lost_lease_is_told() -> None:
    lost = threading.Event()

    def renew() -> bool:
        lost.set()
        return False

    with Heartbeat(renew, 0.001) as lease:
        assert lost.wait(10)
    with pytest.raises(LeaseLost):
        lease.check()


def test_a_database_that_is_away_for_a_moment_does_not_end_the_lease() -> None:
    beats, again = [], threading.Event()

    def renew() -> bool:
        beats.append(1)
        if len(beats) == 1:
            raise ConnectionError
        again.set()
        return True

    with Heartbeat(renew, 0.001) as lease:
        assert again.wait(10)
        lease.check()
