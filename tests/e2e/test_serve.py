"""`reelsight serve` as a program: it starts, refuses a twin, and leaves nothing behind."""

import base64
import contextlib
import re
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Callable

import pytest

from tests.support.service import Service, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.weights]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_cleanly_and_leaves_no_process(fresh: Callable[..., Service], number: signal.Signals) -> None:
    service = fresh()
    assert len(service.processes()) >= 6
    assert service.stop(number) == 0
    assert wait_until(lambda: not service.processes(), 10)


def test_first_start_writes_private_credentials(fresh: Callable[..., Service]) -> None:
    service = fresh()
    credentials = service.folder / "credentials"
    assert stat.S_IMODE(credentials.stat().st_mode) == 0o600
    _, secret = service.credentials()
    assert secret not in service.log()
    assert secret not in "".join(service.lines)
    before = credentials.read_text()
    service.stop()
    service.start()
    assert credentials.read_text() == before


def test_a_twin_is_refused(fresh: Callable[..., Service]) -> None:
    service = fresh()
    twin = subprocess.run(
        [sys.executable, "-m", "api.cli", "serve", "--data-dir", str(service.folder), "--port", "0", "--tls-port", "0"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert twin.returncode == 1
    assert "already runs" in twin.stderr


def test_health_and_flower(fresh: Callable[..., Service]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    service = fresh("--flower", str(port))
    for path in ("/health", "/ready"):
        with urllib.request.urlopen(service.endpoint + path, timeout=5) as answer:
            assert answer.status == 200

    password = (service.folder / "flower.password").read_text().strip()
    token = base64.b64encode(f"reelsight:{password}".encode()).decode()
    page = urllib.request.Request(f"http://127.0.0.1:{port}/workers", headers={"Authorization": f"Basic {token}"})

    def workers() -> set[str]:
        with contextlib.suppress(OSError), urllib.request.urlopen(page, timeout=5) as answer:
            return set(re.findall(r"(video|control|notify)@", answer.read().decode()))
        return set()

    wait_until(lambda: workers() == {"video", "control", "notify"})
