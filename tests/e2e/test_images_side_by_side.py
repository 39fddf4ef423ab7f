"""A worker that answers requests on images in threads, as one with a GPU does; here on the CPU."""

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.service import Service, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.weights]

CALLERS = 8


def image_worker(service: Service) -> list[int]:
    return [pid for pid, command in service.processes().items() if " -Q images " in command]


def test_nothing_is_lost_in_threads_nor_when_their_process_is_killed(
    fresh: Callable[..., Service], media: Path
) -> None:
    service = fresh(image_threads="4", image_timeout_s="60")
    client = service.client("rekognition", retries={"total_max_attempts": 1}, read_timeout=120)
    image = {"Bytes": (media / "images/identity/azure_Family1-Dad1.jpg").read_bytes()}

    def boxes(_: int) -> list[dict[str, Any]]:
        return [face["BoundingBox"] for face in client.detect_faces(Image=image)["FaceDetails"]]

    alone = boxes(0)
    assert alone
    with ThreadPoolExecutor(CALLERS) as pool:
        assert list(pool.map(boxes, range(2 * CALLERS))) == [alone] * (2 * CALLERS)
        processes = image_worker(service)
        assert len(processes) == 1, "threads, no children"
        asked = [pool.submit(boxes, n) for n in range(2 * CALLERS)]
        wait_until(lambda: any(one.done() for one in asked), 60, 0.01)
        os.kill(processes[0], signal.SIGKILL)
        assert [one.result(120) for one in asked] == [alone] * (2 * CALLERS)
