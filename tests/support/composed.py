"""Runs what compose.yaml says without containers: python -m tests.support.composed FOLDER.

Commands, variables and secrets are those of the file. What a container engine would do is done here: paths inside containers become
paths below FOLDER, host names become 127.0.0.1 with free ports, the dead are started again. PostgreSQL and Redis are real servers,
the S3 server is rclone's, because no program of that image can be had as a package.

While FOLDER/held/NAME exists, the processes whose names begin with NAME are stopped (SIGKILL if the file says so) and stay down.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import boto3
import redis
from botocore.exceptions import BotoCoreError, ClientError
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from api.serve import broker
from api.serve.first_start import ACCOUNT
from api.serve.supervisor import Child, Program, Supervisor
from pipeline import logs
from pipeline.settings import Settings
from tests.support.composition import SECRETS, Composed, composition, make_secrets
from tests.support.postgres import postgres_command, postgres_folder
from tests.support.stores import rclone_command

PREPARING = ("migrate",)
"""Services that end; the models are where REELSIGHT_MODELS_DIR says."""
STOP_S = 45.0


@dataclass(frozen=True, slots=True)
class Ports:
    """Where everything listens on 127.0.0.1; kept over restarts, because clients and secrets name them."""

    postgres: int
    redis: int
    objects: int
    flower: int
    http: tuple[int, ...]
    https: tuple[int, ...]


class Engine(Supervisor):
    """The part of a container engine; see the module."""

    held: Path
    asked: set[int]

    def watch_held(self, child: Child) -> bool:
        """Whether the program is to be down; ends it if it is not."""
        for order in self.held.iterdir() if self.held.is_dir() else ():
            if child.program.name.startswith(order.name):
                if child.process.poll() is None:
                    self._end_as_held(child, order)
                return True
        return False

    def _end_as_held(self, child: Child, order: Path) -> None:
        """Kills all of it, or asks its first process to stop, once, as a container engine does."""
        pid = child.process.pid
        with suppress(ProcessLookupError):
            if "kill" in order.read_text():
                os.killpg(pid, signal.SIGKILL)
            elif pid not in self.asked:
                # PostgreSQL's SIGTERM waits for all clients to leave; its image is stopped with SIGINT too.
                os.kill(pid, signal.SIGINT if child.program.name == "postgres" else signal.SIGTERM)
                self.asked.add(pid)

    def _spawn(self, program: Program) -> "subprocess.Popen[bytes]":
        named = replace(program, environment={**program.environment, "COMPOSED_PART": program.name})
        return Supervisor._spawn(self, named)

    def _revive(self, child: Child) -> None:
        if not self.watch_held(child):
            Supervisor._revive(self, child)
        elif child.process.poll() is not None:
            child.failures, child.restart_at = 0, time.monotonic()


def main(folder: Path) -> None:
    """Runs until SIGTERM; prints `ready URL…` once every api answers."""
    logs.configure("INFO", "json")
    variables = {name: value for name, value in os.environ.items() if name.startswith("REELSIGHT_")}
    services = composition(variables)
    ports = _ports(folder, services["api"].replicas)
    _secrets(folder, ports)
    engine = Engine({**_bare(), "COMPOSED": str(folder)})
    engine.held, engine.asked = folder / "held", set()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, engine.request_stop)
    try:
        _run(engine, folder, services, ports)
    finally:
        engine.stop()


def _run(engine: Engine, folder: Path, services: Mapping[str, Composed], ports: Ports) -> None:
    for program in _infrastructure(folder, services, ports):
        engine.start(program)
    engine.watch(until=lambda: _is_up(folder, ports))
    for name in PREPARING:
        _once(engine, services[name], folder, ports)
    _first_key(engine, services["migrate"], folder, ports)
    for service in services.values():
        if service.ours and service.raw.get("restart") != "no" and "profiles" not in service.raw:
            for number in range(service.replicas):
                engine.start(_program(service, number, folder, ports))
    urls = [f"http://127.0.0.1:{port}" for port in ports.http]
    engine.watch(until=lambda: all(_answers(f"{url}/ready") for url in urls))
    print("ready", *urls, flush=True)  # noqa: T201 - read by whoever started us
    engine.watch()


def _program(service: Composed, number: int, folder: Path, ports: Ports) -> Program:
    # Flower's address is of no setting; it is not to be reached from elsewhere, nor to be in the way of another one.
    more = ("--address", "127.0.0.1", "--port", str(ports.flower)) if service.name == "flower" else ()
    command, environment = (*service.command, *more), _environment(service, number, folder, ports)
    return Program(f"{service.name}-{number + 1}", command, environment, stop_s=STOP_S)


def _environment(service: Composed, number: int, folder: Path, ports: Ports) -> dict[str, str]:
    """The variables of the file, with what containers would hide put right; the tests' own settings override them."""
    inside = {place: str(folder / "volumes" / name) for place, name in service.volumes.items()}
    (folder / "volumes").mkdir(exist_ok=True)
    placed = {name: _placed(value, inside, folder) for name, value in service.environment.items()}
    own = {name: value for name, value in os.environ.items() if name.startswith("REELSIGHT_")}
    # Requests and announcements go to either api; which one a client chose is told by its Host header alone.
    listening = {
        "REELSIGHT_HOST": "127.0.0.1",
        "REELSIGHT_PORT": str(ports.http[number % len(ports.http)]),
        "REELSIGHT_TLS_PORT": str(ports.https[number % len(ports.https)]),
        "REELSIGHT_PUBLIC_URL": f"http://127.0.0.1:{ports.http[0]}",
        "REELSIGHT_PUBLIC_HTTPS_URL": f"https://127.0.0.1:{ports.https[0]}",
        "REELSIGHT_S3_ENDPOINT_URL": f"http://127.0.0.1:{ports.objects}",
    }
    return {**placed, **listening, **own}


def _placed(value: str, inside: Mapping[str, str], folder: Path) -> str:
    for place, outside in {**inside, SECRETS: str(folder / "secrets")}.items():
        if value == place or value.startswith(f"{place}/"):
            return outside + value.removeprefix(place)
    return value


def _once(engine: Engine, service: Composed, folder: Path, ports: Ports) -> None:
    environment = {**engine.environment, **_environment(service, 0, folder, ports)}
    subprocess.run(service.command, env=environment, check=True, stdout=sys.stderr.fileno())


def _first_key(engine: Engine, service: Composed, folder: Path, ports: Ports) -> None:
    """An access key, as docs/operations.md tells the operator to make one."""
    if (folder / "credentials").exists():
        return
    environment = {**engine.environment, **_environment(service, 0, folder, ports)}
    command = ["reelsight", "keys", "create", "--account", ACCOUNT]
    made = json.loads(subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout)
    lines = (
        f"[reelsight]\naws_access_key_id = {made['AccessKeyId']}\naws_secret_access_key = {made['SecretAccessKey']}\n"
    )
    (folder / "credentials").touch(mode=0o600)
    (folder / "credentials").write_text(lines)


def _infrastructure(folder: Path, services: Mapping[str, Composed], ports: Ports) -> Iterator[Program]:
    """The servers that the image of this project has not got."""
    for name in ("objects", "redis"):
        (folder / name).mkdir(exist_ok=True)
    yield Program("postgres", postgres_command(postgres_folder(folder), ports.postgres), last=True)
    server, *options = services["redis"].command
    assert server == "valkey-server"
    placed = [_placed(option, {}, folder) for option in options]
    own = ["--port", str(ports.redis), "--bind", "127.0.0.1", "--dir", str(folder / "redis"), "--set-proc-title", "no"]
    yield Program("redis", [str(broker.find_server(Settings(data_dir=folder))), *placed, *own], last=True)
    key, secret = _s3_key(folder)
    yield Program("objects", rclone_command(folder / "objects", ports.objects, key, secret), last=True)


def _is_up(folder: Path, ports: Ports) -> bool:
    """Whether database, broker and object store answer to those who have the secrets."""
    try:
        engine = create_engine(_read(folder, "database_url"))
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        engine.dispose()
        with redis.Redis.from_url(_read(folder, "broker_url")) as client:
            client.ping()
        key, secret = _s3_key(folder)
        s3 = boto3.client(
            "s3", endpoint_url=f"http://127.0.0.1:{ports.objects}", region_name="us-east-1",
            aws_access_key_id=key, aws_secret_access_key=secret,
        )  # fmt: skip
        s3.list_buckets()
        s3.close()
    except (SQLAlchemyError, redis.RedisError, BotoCoreError, ClientError):
        return False
    return True


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _secrets(folder: Path, ports: Ports) -> None:
    """The operator's secrets, with the addresses that hold here."""
    make_secrets(folder / "secrets")
    for name, host, port in (
        ("database_url", "@postgres:5432", ports.postgres),
        ("broker_url", "@redis:6379", ports.redis),
    ):
        path = folder / "secrets" / name
        url = path.read_text().replace(host, f"@127.0.0.1:{port}")
        path.unlink()
        path.write_text(url.replace("reelsight:", "postgres:", 1).replace("/reelsight", "/postgres"))


def _s3_key(folder: Path) -> tuple[str, str]:
    return _read(folder, "s3_access_key_id"), _read(folder, "s3_secret_access_key")


def _read(folder: Path, name: str) -> str:
    return (folder / "secrets" / name).read_text().strip()


def _ports(folder: Path, apis: int) -> Ports:
    kept = folder / "ports.json"
    if not kept.exists():
        shutil.rmtree(postgres_folder(folder), ignore_errors=True)  # of an earlier folder of that name
        free = _free(4 + 2 * apis)
        kept.write_text(json.dumps([*free[:4], free[4 : 4 + apis], free[4 + apis :]]))
    *servers, http, https = json.loads(kept.read_text())
    return Ports(*servers, tuple(http), tuple(https))


def _free(count: int) -> list[int]:
    with_all = [socket.socket() for _ in range(count)]
    try:
        for probe in with_all:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in with_all]
    finally:
        for probe in with_all:
            probe.close()


def _bare() -> dict[str, str]:
    """Our environment without settings of anybody, and with the commands of this project on the path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("REELSIGHT_", "AWS_"))}
    programs = Path(sys.executable).parent
    return {**kept, "PATH": f"{programs}{os.pathsep}{kept.get('PATH', os.defpath)}"}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
