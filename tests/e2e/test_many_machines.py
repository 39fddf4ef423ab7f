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
from sqlalchemy import create_engine, select

from pipeline.store.schema import chunks, jobs
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
    line = invitation(many_machines, "--queues", "video", "--same-host")
    machine.start(*line)
    assert any(said.startswith("joined https://") for said in machine.lines)
    assert (machine.folder / "machine.json").stat().st_mode & 0o777 == 0o600
    secrets = [many_machines.secret(name) for name in ("secret_key", "s3_secret_access_key", "database_url")]
    assert not any(secret in (machine.folder.parent / "machine.log").read_text() for secret in secrets)
    listed = [json.loads(row) for row in many_machines.cli("machines", "list", "--json").splitlines()]
    (row,) = [row for row in listed if row.get("Queues") == ["video"]]
    assert len([worker for worker in row["Workers"] if worker["Queues"] == ["video"]]) == 3  # two of compose, and ours

    with contextlib.ExitStack() as stack:
        for replica in ("worker-video-1", "worker-video-2"):  # all chunks are the new machine's now
            stack.enter_context(many_machines.hold(replica, "kill"))
        video = many_machines.put("videos", "join.mp4", media / "videos/googlework_short.mp4")
        rekognition = many_machines.client("rekognition")
        job = rekognition.start_label_detection(Video=video)["JobId"]
        wait_until(lambda: any(done for _, done in found_chunks(many_machines, job)), 200)
        assert machine.stop() == 0
        left = found_chunks(many_machines, job)
    wait_until(lambda: rekognition.get_label_detection(JobId=job)["JobStatus"] != "IN_PROGRESS", 240)
    found = list(pages(rekognition.get_label_detection, job))
    assert found[0]["JobStatus"] == "SUCCEEDED"
    assert any(item["Label"]["Name"] == "Person" for page in found for item in page["Labels"])
    assert {state for state, _ in left} <= {"DONE", "QUEUED"}  # what it had begun it has done or given back
    again = machine.run("join", "--no-start")  # what it was told is enough for another start
    assert again.returncode == 0, again.stderr


def found_chunks(deployment: ManyMachines, job: str) -> list[tuple[str, int]]:
    """State and frames done of the job's chunks."""
    query = select(chunks.c.state, chunks.c.frames_done).join(jobs, jobs.c.pass_id == chunks.c.pass_id)
    engine = create_engine(deployment.database_url)
    with engine.connect() as connection:
        found = connection.execute(query.where(jobs.c.id == job)).all()
    engine.dispose()
    return [(state, done) for state, done in found]


def test_a_machine_that_has_joined_nothing_says_how(tmp_path: Path, models_dir: Path) -> None:
    done = Joining(tmp_path / "none", models_dir).run("join")
    assert (done.returncode, "reelsight machines invite" in done.stderr) == (1, True)
