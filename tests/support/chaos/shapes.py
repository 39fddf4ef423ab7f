"""The two shapes of an installation."""

import contextlib
import json
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import boto3
from botocore.config import Config
from redis import Redis
from sqlalchemy import Engine, create_engine

from pipeline.store.engine import connect
from tests.support.chaos.installation import BUCKET, REELSIGHT, Installation
from tests.support.chaos.processes import Machine, wait_for
from tests.support.chaos.proxy import FaultyStore, Link
from tests.support.chaos.servers import S3, S3_KEY, S3_SECRET, Postgres, RedisOverTcp, free_port


@dataclass(slots=True)
class One(Installation):
    """`reelsight serve`: SQLite, a private Redis, directories."""

    @property
    def data_dir(self) -> Path:
        """Its data directory."""
        return self.disk / "data"

    def start(self) -> None:
        """See `Installation`."""
        self.ports = [free_port()]
        command = [
            *REELSIGHT,
            "serve",
            "--data-dir",
            str(self.data_dir),
            "--port",
            str(self.ports[0]),
            "--tls-port",
            str(free_port()),
        ]
        self.machines = [
            Machine("machine", command, self.environment(self.data_dir, self.clock(0)), self.folder / "log")
        ]
        self.machines[0].start()
        self.await_ready()
        self.create_keys()

    def stop(self) -> None:
        """See `Installation`."""
        self.stop_machines()

    def put(self, name: str, path: Path) -> None:
        """See `Installation`."""
        place = self.data_dir / "buckets" / BUCKET / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)

    def engine(self) -> Engine:
        """See `Installation`."""
        return connect(f"sqlite:///{self.data_dir / 'reelsight.db'}")

    def broker(self) -> Redis:
        """See `Installation`."""
        return Redis(unix_socket_path=str(self.data_dir / "run" / "redis.sock"), socket_timeout=3)

    def work_keys(self) -> list[str]:
        """See `Installation`."""
        root = self.data_dir / "work"
        return sorted(path.relative_to(root).as_posix() for path in root.rglob("*"))


@dataclass(slots=True)
class Many(Installation):
    """Two machines, each with api and workers, one with beat, over PostgreSQL, Redis and S3; proxies stand before Redis and S3."""

    postgres: Postgres = field(init=False)
    redis: RedisOverTcp = field(init=False)
    store: S3 = field(init=False)
    front: FaultyStore = field(init=False)
    links: list[Link] = field(default_factory=list, init=False)
    base_links: list[Link] = field(default_factory=list, init=False)

    def start(self) -> None:
        """See `Installation`."""
        self.postgres, self.redis = Postgres(self.folder / "postgres"), RedisOverTcp(self.folder / "redis")
        self.store = S3(self.folder / "s3")
        self.postgres.create()
        self.redis.start()
        self.store.start()
        self.front = FaultyStore(self.store.port, self.seed)
        self.links = [Link(self.redis.port) for _ in range(2)]
        self.base_links = [Link(self.postgres.port) for _ in range(2)]
        secret = "".join(Random(self.seed).choices("0123456789abcdef", k=64))
        for number in range(2):
            self.ports.append(free_port())
            self.machines.append(self._machine(number, secret))
        self.machines[0].start()
        wait_for(lambda: self.ready(0), 300, "the first machine is ready")
        self.machines[1].start()
        self.await_ready()
        self.create_keys()

    def stop(self) -> None:
        """See `Installation`."""
        self.stop_machines()
        for part in ("redis", "store", "postgres"):
            if hasattr(self, part):
                getattr(self, part).end(signal.SIGINT if part == "postgres" else signal.SIGTERM)
        for link in [*self.links, *self.base_links]:
            link.close()
        if hasattr(self, "front"):
            self.front.close()

    def put(self, name: str, path: Path) -> None:
        """See `Installation`."""
        client = self._s3()
        with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists):
            client.create_bucket(Bucket=BUCKET)
        client.put_object(Bucket=BUCKET, Key=name, Body=path.read_bytes())

    def engine(self) -> Engine:
        """See `Installation`."""
        return create_engine(self.postgres.url(), pool_pre_ping=True)

    def broker(self) -> Redis:
        """See `Installation`."""
        return self.redis.client()

    def work_keys(self) -> list[str]:
        """See `Installation`."""
        root = self.store.folder / "reelsight-work"
        return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())

    def _machine(self, number: int, secret: str) -> Machine:
        data_dir = self.disk / f"machine{number}"
        data_dir.mkdir()
        programs: dict[str, Sequence[str]] = {
            "api": [*REELSIGHT, "api"],
            **{f"worker-{queue}": [*REELSIGHT, "worker", "-Q", queue] for queue in ("video", "control", "notify")},
        }
        if number == 0:
            programs["beat"] = [*REELSIGHT, "beat"]
        file = self.folder / f"machine{number}.json"
        file.write_text(json.dumps(programs), encoding="utf-8")
        environment = self.environment(
            data_dir, self.clock(number),
            DATABASE_URL=self.postgres.url(self.base_links[number].port), BROKER_URL=f"redis://127.0.0.1:{self.links[number].port}/0",
            S3_ENDPOINT_URL=f"http://127.0.0.1:{self.front.port}", S3_ACCESS_KEY_ID=S3_KEY, S3_SECRET_ACCESS_KEY=S3_SECRET,
            SECRET_KEY=secret, PORT=str(self.ports[number]), TLS_PORT=str(free_port()),
        )  # fmt: skip
        command = [sys.executable, "-m", "tests.support.chaos.supervise", str(file)]
        return Machine(f"machine {number}", command, environment, self.folder / f"log{number}")

    def _s3(self) -> Any:
        return boto3.client(
            "s3", endpoint_url=f"http://127.0.0.1:{self.store.port}", region_name="us-east-1", aws_access_key_id=S3_KEY,
            aws_secret_access_key=S3_SECRET, config=Config(s3={"addressing_style": "path"}),
        )  # fmt: skip


SHAPES: Mapping[str, type[Installation]] = {"one": One, "many": Many}
