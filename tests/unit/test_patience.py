"""Waiting for faults that pass."""

import pytest

from pipeline.objects.types import StoreUnavailableError
from pipeline.patience import Patience


def test_acts_that_share_patience_cannot_wait_one_after_the_other() -> None:
    tries: list[int] = []

    def away() -> None:
        tries.append(1)
        raise StoreUnavailableError

    patience = Patience(0.05)
    with pytest.raises(StoreUnavailableError):
        patience.wait_out(away, "first")
    assert len(tries) > 1
    tries.clear()
    with pytest.raises(StoreUnavailableError):
        patience.wait_out(away, "second")
    assert len(tries) == 1
    assert patience.wait_out(lambda: "found", "third") == "found"
