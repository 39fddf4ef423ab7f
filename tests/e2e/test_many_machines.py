"""A deployment of many processes gets a machine by the one command that docs/operations.md tells, and loses it again."""

import contextlib
import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.many_machines import ManyMachines
from tests.support.service import ROOT, pages, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.weights, pytest.mark.timeout(400)]


@dataclass
class Joining:
    """A new machine: another data directory, with nothing of the deployment's environment."""

    folder: Path
    models_dir: Path
    lines: list[str] = field(default_factory=list)
    process: "subprocess.Popen[str] | None" = None

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """A command that ends."""
        return subprocess.run(self._command(*arguments), capture_output=True, text=True, check=False, **self._how())

    def start(self, *arguments: str) -> None:
        """A command that goes on; returns when its workers take messages."""
        with (self.folder.parent / "machine.log").open("a") as log:
            self.process = subprocess.Popen(
                self._command(*arguments), stdout=subprocess.PIPE, stderr=log, text=True, **self._how()
            )
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if line.startswith("ready "):
                return
        raise AssertionError((self.folder.parent / "machine.log").read_text()[-3000:])

    def stop(self) -> int:
        """Asks it to end, as a service manager does."""
        assert self.process
        assert self.process.stdout
        self.process.terminate()
        status = self.process.wait(60)
        self.process.stdout.close()
        return status

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "api.cli", *arguments, "--data-dir", str(self.folder)]

    def _how(self) -> dict[str, Any]:
        programs = f"{Path(sys.executable).parent}:/usr/bin:/bin"
        environment = {"PATH": programs, "REELSIGHT_MODELS_DIR": str(self.models_dir), "HOME": str(self.folder)}
        return {"env": environment, "cwd": ROOT}


@pytest.fixture
def machine(tmp_path: Path, models_dir: Path) -> Iterator[Joining]:
    joining = Joining(tmp_path / "machine", models_dir)
    yield joining
    if joining.process and joining.process.poll() is None:
        joining.stop()


def invitation(deployment: ManyMachines, *options: str) -> list[str]:
    """What `reelsight machines invite` prints, without the word `reelsight`."""
    program, *arguments = shlex.split(deployment.cli("machines", "invite", *options))
    assert program == "reelsight"
    return arguments


def test_a_machine_joins_takes_chunks_and_leaves_without_losing_any(
    many_machines: ManyMachines, machine: Joining, media: Path
) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "api.cli", "machines", "invite"],
        capture_output=True, text=True, check=False, env=many_machines.client_environment(), cwd=ROOT,
    )  # fmt: skip
    assert refused.returncode == 1
    assert "REELSIGHT_DATABASE_URL leads to 127.0.0.1" in refused.stderr

    line = invitation(many_machines, "--queues", "video", "--same-host")
    machine.start(*line)
    assert any(said.startswith("joined https://") for said in machine.lines)
    assert (machine.folder / "machine.json").stat().st_mode & 0o777 == 0o600
    secrets = [many_machines.secret(name) for name in ("secret_key", "s3_secret_access_key", "database_url")]
    assert not any(secret in (machine.folder.parent / "machine.log").read_text() for secret in secrets)
    twice = Joining(machine.folder.with_name("twice"), machine.models_dir).run(*line)
    assert (twice.returncode, "unknown, used or expired" in twice.stderr) == (1, True)

    listed = [json.loads(row) for row in many_machines.cli("machines", "list", "--json").splitlines()]
    (row,) = [row for row in listed if row.get("Queues") == ["video"]]
    assert len([worker for worker in row["Workers"] if worker["Queues"] == ["video"]]) == 3  # two of compose, and ours

    with contextlib.ExitStack() as stack:
        for replica in ("worker-video-1", "worker-video-2"):  # all chunks are the new machine's now
            stack.enter_context(many_machines.hold(replica))
        video = many_machines.put("videos", "join.mp4", media / "videos/googlework_short.mp4")
        rekognition = many_machines.client("rekognition")
        job = rekognition.start_label_detection(Video=video)["JobId"]
        wait_until(lambda: 0 < progress(many_machines, job) < 100)
        assert machine.stop() == 0
        left = progress(many_machines, job)
    wait_until(lambda: rekognition.get_label_detection(JobId=job)["JobStatus"] != "IN_PROGRESS", 240)
    found = pages(rekognition.get_label_detection, job)
    assert found[0]["JobStatus"] == "SUCCEEDED"
    assert any(item["Label"]["Name"] == "Person" for page in found for item in page["Labels"])
    assert left < 100
    many_machines.cli("machines", "forget", row["MachineId"])

    machine.start("join")  # the stored settings are enough
    assert machine.lines[-1].endswith("takes video")
    assert machine.stop() == 0


def progress(deployment: ManyMachines, job: str) -> float:
    """Percent done."""
    rows = [json.loads(line) for line in deployment.cli("jobs", "list", "--json").splitlines()]
    return float(next(row["Progress"] for row in rows if row["JobId"] == job))


def test_a_machine_that_has_joined_nothing_says_how(tmp_path: Path, models_dir: Path) -> None:
    done = Joining(tmp_path / "none", models_dir).run("join")
    assert (done.returncode, "reelsight machines invite" in done.stderr) == (1, True)
