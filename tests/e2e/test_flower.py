"""Flower asks for its password everywhere, tells nobody what it is, and keeps its history when it is killed."""

import base64
import json
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.commands.processes import flower_command, worker_command
from api.serve import broker
from pipeline import queue
from pipeline.queue import CeleryQueue, make_app
from pipeline.settings import Settings, environment
from tests.support.service import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(180)]
GUARDED = ("/", "/workers", "/tasks", "/broker", "/metrics", "/api/workers", "/api/tasks", "/api/task/types")
SECRET = "broker-and-key-secret-that-nobody-may-see"


class Flower:
    """A Flower that can be killed and started again."""

    def __init__(self, settings: Settings) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.settings = settings
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it and waits until it answers."""
        self.process = subprocess.Popen(flower_command(self.port), env=environment(self.settings))
        wait_until(lambda: self.status("/healthcheck") == 200, 60)

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process
        self.process.kill()
        self.process.wait()

    @property
    def user(self) -> str:
        """User and password that it asks for."""
        return f"{self.settings.flower_user}:{self.settings.flower_password_path.read_text().strip()}"

    def get(self, path: str, user: str | None = None, data: bytes | None = None) -> str:
        """The page."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data)
        if user is not None:
            request.add_header("Authorization", "Basic " + base64.b64encode(user.encode()).decode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(answer.read().decode())

    def status(self, path: str, user: str | None = None, data: bytes | None = None) -> int:
        """HTTP status of the page; 0: nobody listens."""
        try:
            self.get(path, user, data)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0
        return 200

    def tasks(self) -> dict[str, str]:
        """Id -> name of the tasks in its history."""
        listed = json.loads(self.get("/api/tasks", self.user))
        return {task_id: task["name"] for task_id, task in listed.items()}


@contextmanager
def running(command: list[str], settings: Settings) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that ends with the block."""
    with subprocess.Popen(command, env=environment(settings)) as process:
        yield process
        process.kill()


@pytest.fixture(scope="module")
def flower(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flower]:
    """Flower, the broker, and a worker that has planned twice."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("flower"), secret_key=SECRET)
    found = Flower(settings)
    redis = broker.command(settings, broker.find_server(settings))
    with running(redis, settings), running(worker_command(queue.CONTROL, settings), settings):
        wait_until(settings.redis_socket.exists)
        found.start()
        sender = CeleryQueue(make_app(settings))
        sender.wake_plan()
        sender.wake_plan()
        wait_until(lambda: list(found.tasks().values()).count(queue.PLAN) == 2)
        yield found
        found.kill()


@pytest.mark.parametrize("user", [None, "reelsight:wrong", "reelsight:", ":", "nobody", "reelsight:\xff"])
def test_without_the_password_nothing_is_shown(flower: Flower, user: str | None) -> None:
    assert {path: flower.status(path, user) for path in GUARDED} == dict.fromkeys(GUARDED, 401)
    assert flower.get("/healthcheck", user) == "OK"


def test_with_it_pages_show_workers_and_tasks_but_no_secrets(flower: Flower) -> None:
    pages = {path: flower.get(path, flower.user) for path in GUARDED}
    wait_until(lambda: "control@" in flower.get("/workers", flower.user))
    assert queue.PLAN in pages["/api/tasks"]
    for page in pages.values():
        assert SECRET not in page


def test_it_only_looks(flower: Flower) -> None:
    worker = next(iter(json.loads(flower.get("/api/workers?refresh=1", flower.user))))
    for path in (f"/api/worker/shutdown/{worker}", f"/api/worker/queue/cancel-consumer/{worker}?queue=control"):
        assert flower.status(path, flower.user, b"") == 403


def test_the_password_is_for_its_user_alone(flower: Flower) -> None:
    path = flower.settings.flower_password_path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    password = path.read_text().strip()
    assert flower.process
    for told in ("cmdline", "environ"):
        assert password not in Path(f"/proc/{flower.process.pid}/{told}").read_text()
    refused = subprocess.run(
        [sys.executable, "-c", "import workers.dashboard"],
        env=environment(flower.settings.model_copy(update={"flower_password": None}))
        | {"REELSIGHT_FLOWER_PASSWORD": "a,b"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "REELSIGHT_FLOWER_PASSWORD must hold a password" in refused.stderr


def test_its_history_outlives_kill_9(flower: Flower) -> None:
    before = flower.tasks()
    history = flower.settings.data_dir / "flower.history"
    seen = history.stat().st_mtime_ns if history.exists() else 0
    wait_until(lambda: history.exists() and history.stat().st_mtime_ns > seen, 30)
    flower.kill()
    flower.start()
    assert before.items() <= flower.tasks().items()
    flower.kill()
    kept = history.read_bytes()
    history.write_bytes(b"\x80garbage")
    flower.start()
    assert history.with_suffix(".unreadable").read_bytes() == b"\x80garbage"
    flower.kill()
    history.write_bytes(kept)
    flower.start()
