"""How many addresses a worker child may take: threads need some that are no memory."""

from pipeline.conduct.limits import ADDRESSES_OF_THREAD, address_limit
from pipeline.settings import Settings

MB = 1024**2


def test_the_limit_grows_with_what_the_child_has_and_with_its_threads() -> None:
    alone = address_limit(Settings(worker_memory_mb=1000, threads=1), taken=200 * MB)
    assert alone == 1200 * MB + ADDRESSES_OF_THREAD
    assert (
        address_limit(Settings(worker_memory_mb=1000, threads=64), taken=200 * MB) == alone + 63 * ADDRESSES_OF_THREAD
    )
