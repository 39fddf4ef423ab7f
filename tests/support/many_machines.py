"""The second shape of a service: what compose.yaml runs, PostgreSQL, Redis over TCP, S3, several api and worker processes.

The same methods as `Service`, so that the same tests run on both.
"""

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.support.postgres import postgres_folder
from tests.support.service import Service, wait_until

REPLICAS: Mapping[str, str] = {"apis": "2", "video_workers": "2"}
"""Variables of compose.yaml; the others run once."""


@dataclass(slots=True)
class ManyMachines(Service):
    """The processes of compose.yaml without containers, see `tests.support.composed`.

    A process can be told from others by its command line (`processes`, `kill`), a service of the file by its name (`hold`).
    """

    def command(self) -> list[str]:
        """What starts and watches all of it."""
        return [sys.executable, "-m", "tests.support.composed", str(self.folder)]

    def environment(self) -> dict[str, str]:
        """Of the one who starts it; settings override what compose.yaml says."""
        return {**{f"REELSIGHT_{k.upper()}": v for k, v in REPLICAS.items()}, **Service.environment(self)}

    def put(self, bucket: str, name: str, path: Path) -> dict[str, Any]:
        """Makes a file an S3 object; its Video member."""
        with contextlib.closing(self.s3()) as s3:
            with contextlib.suppress(ClientError):
                s3.create_bucket(Bucket=bucket)
            s3.upload_file(str(path), bucket, name)
        return {"S3Object": {"Bucket": bucket, "Name": name}}

    def s3(self) -> Any:
        """A client of the object store."""
        return boto3.client(
            "s3",
            endpoint_url=self.s3_url,
            region_name="us-east-1",
            aws_access_key_id=self.secret("s3_access_key_id"),
            aws_secret_access_key=self.secret("s3_secret_access_key"),
            config=Config(request_checksum_calculation="when_required", response_checksum_validation="when_required"),
        )

    @property
    def s3_url(self) -> str:
        """Where the object store is."""
        return f"http://127.0.0.1:{self._ports()[2]}"

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL of the database."""
        return self.secret("database_url")

    @property
    def broker_url(self) -> str:
        """URL of the broker."""
        return self.secret("broker_url")

    def secret(self, name: str) -> str:
        """One of the secrets that compose.yaml hands to its services."""
        return (self.folder / "secrets" / name).read_text().strip()

    def cli(self, *arguments: str) -> str:
        """Output of a `reelsight` command run as one of the services."""
        command = [sys.executable, "-m", "api.cli", *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, env=self.client_environment(), timeout=60
        ).stdout

    def client_environment(self) -> dict[str, str]:
        """Settings of a process of this deployment."""
        files = ("secret_key", "database_url", "broker_url", "s3_access_key_id", "s3_secret_access_key")
        return {
            **Service.environment(self),
            **{f"REELSIGHT_{name.upper()}_FILE": str(self.folder / "secrets" / name) for name in files},
            "REELSIGHT_S3_ENDPOINT_URL": self.s3_url,
            "REELSIGHT_DATA_DIR": str(self.folder / "volumes" / "state"),
            "REELSIGHT_PUBLIC_URL": self.endpoint,
            "REELSIGHT_PUBLIC_HTTPS_URL": f"https://127.0.0.1:{self._ports()[5][0]}",
        }

    @contextlib.contextmanager
    def hold(self, name: str, how: Literal["stop", "kill"] = "stop") -> Iterator[None]:
        """Within it the processes of that service, or that one replica (`worker-video-2`), are down; afterwards they start again."""
        order = self.folder / "held" / name
        order.parent.mkdir(exist_ok=True)
        order.write_text(how)
        wait_until(lambda: not self.pids(name), 60)
        try:
            yield
        finally:
            order.unlink()
            wait_until(lambda: self.pids(name), 60)

    def pids(self, name: str) -> list[int]:
        """The processes of a service or replica, its children too."""
        return [pid for pid in self.processes() if self.part(pid).startswith(name)]

    def remove(self) -> None:
        """Deletes what it keeps outside of its folder."""
        shutil.rmtree(postgres_folder(self.folder), ignore_errors=True)

    def _owns(self, pid: int, command: str) -> bool:
        # PostgreSQL writes over command line and environment of its processes; their directory stays.
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/cwd").readlink() == postgres_folder(self.folder):
                return True
        return Service._owns(self, pid, command)

    def part(self, pid: int) -> str:
        """The service and replica that a process is of; empty: none."""
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/cwd").readlink() == postgres_folder(self.folder):
                return "postgres"
        with contextlib.suppress(OSError):
            for variable in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                if variable.startswith(b"COMPOSED_PART="):
                    return variable.partition(b"=")[2].decode()
        return ""

    def _ports(self) -> list[Any]:
        kept: list[Any] = json.loads((self.folder / "ports.json").read_text())
        return kept
