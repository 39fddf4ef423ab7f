"""A redis-server of one's own."""

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

from api.serve.broker import find_server
from pipeline.settings import Settings
from tests.support.service import wait_until


@dataclass(slots=True)
class RedisServer:
    """Reached over TCP and over a unix socket.

    Attributes:
        folder: Its directory.
        port: Its TCP port.
        process: It.
    """

    folder: Path
    port: int
    process: "subprocess.Popen[bytes]"

    @property
    def tcp(self) -> str:
        """The broker URL over TCP."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def unix(self) -> str:
        """The broker URL over the socket, for another database than the first."""
        return f"redis+socket://{self.folder}/redis.sock?virtual_host=1"


@contextlib.contextmanager
def redis_server(folder: Path) -> Iterator[RedisServer]:
    """Runs until the end of the `with` block, keeping nothing on disk."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = str(find_server(Settings(data_dir=folder)))
    options = ["--port", str(port), "--bind", "127.0.0.1", "--unixsocket", str(folder / "redis.sock")]
    kept = ["--save", "", "--appendonly", "no", "--dir", str(folder), "--loglevel", "warning"]
    with subprocess.Popen([program, *options, *kept], stdout=subprocess.DEVNULL) as process:
        wait_until((folder / "redis.sock").exists, 10, 0.02)
        with contextlib.closing(Redis(port=port)) as client:
            wait_until(client.ping, 10, 0.02)
        yield RedisServer(folder, port, process)
        process.kill()
