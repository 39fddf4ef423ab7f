"""A running `reelsight serve` under hostile input, and what its processes and its log say afterwards."""

import json
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from scripts.hostile.pool import memory_mb
from scripts.in_venv import ROOT

START_S = 180
BROKEN = re.compile(
    r'"event": "(?:request_broke|image_request_broke|process_died|planning_failed|chunk_failed|finish_failed)"'
    r'|"event": "(?:job_not_finished|decoder_abandoned)"'
    r"|Traceback|WorkerLost|exited prematurely|SIGKILL|SIGSEGV|unhandled"
)
"""Lines of a log that must not be there."""


@dataclass(slots=True)
class Serving:
    """One installation.

    Attributes:
        folder: Its data directory.
        environment: Its variables.
        process: The supervisor.
        endpoint: Where the api listens.
        programs: Processes that the supervisor has started: pid -> command line, as they were when it was ready.
    """

    folder: Path
    environment: Mapping[str, str]
    process: "subprocess.Popen[str]"
    endpoint: str = ""
    programs: Mapping[int, str] = field(default_factory=dict)

    def credentials(self) -> tuple[str, str]:
        """Access key id and secret of the first start."""
        lines = (self.folder / "credentials").read_text(encoding="utf-8").splitlines()
        values = dict(line.split(" = ") for line in lines if " = " in line)
        return values["aws_access_key_id"], values["aws_secret_access_key"]

    def new_key(self, account: str) -> tuple[str, str]:
        """Access key id and secret of another account."""
        command = [
            sys.executable,
            "-m",
            "api.cli",
            "keys",
            "create",
            "--account",
            account,
            "--data-dir",
            str(self.folder),
        ]
        made = subprocess.run(
            command, env=self.environment, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
        )
        key = json.loads(made.stdout)
        return key["AccessKeyId"], key["SecretAccessKey"]

    def put(self, bucket: str, name: str, content: bytes) -> dict[str, dict[str, str]]:
        """Makes an S3 object; what requests call it."""
        place = self.folder / "buckets" / bucket / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return {"S3Object": {"Bucket": bucket, "Name": name}}

    def dead(self) -> list[str]:
        """Programs that ended since the start."""
        now = children_of(self.process.pid)
        return [command[:120] for pid, command in self.programs.items() if pid not in now]

    def broken(self) -> Counter[str]:
        """Lines of the log that must not be there, shortened."""
        found: Counter[str] = Counter()
        for line in (self.folder / "serve.log").read_text(encoding="utf-8", errors="replace").splitlines():
            if BROKEN.search(line):
                found[re.sub(r"[0-9a-f]{8}[0-9a-f-]{20,}|[0-9]+", "N", line)[:1500]] += 1
        return found

    def peak_mb(self) -> int:
        """Most memory that any of its processes has had."""
        return max((memory_mb(pid) for pid in everything_below(self.process.pid)), default=0)


@contextmanager
def serving(folder: Path, environment: Mapping[str, str], **settings: object) -> Iterator[Serving]:
    """A service on free ports of loopback, until the end of the block; `settings` as in REELSIGHT_…."""
    folder.mkdir(parents=True, exist_ok=True)
    variables = {**environment, **{f"REELSIGHT_{name.upper()}": str(value) for name, value in settings.items()}}
    command = [sys.executable, "-m", "api.cli", "serve", "--data-dir", str(folder), "--port", "0", "--tls-port", "0"]
    with (folder / "serve.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=variables, cwd=ROOT)
    one = Serving(folder, variables, process)
    timer = threading.Timer(START_S, process.kill)
    timer.start()
    try:
        assert process.stdout
        for line in process.stdout:
            if line.startswith("ready "):
                one.endpoint = line.split()[1]
                break
        timer.cancel()
        if not one.endpoint:
            raise SystemExit(f"the service did not start: {(folder / 'serve.log').read_text(encoding='utf-8')[-3000:]}")
        one.programs = children_of(process.pid)
        yield one
    finally:
        timer.cancel()
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(90)
        process.kill()
        process.wait()


def children_of(parent: int) -> dict[int, str]:
    """pid -> command line of the processes that a process has started."""
    return {pid: _command(pid) for pid, above in _parents().items() if above == parent}


def everything_below(parent: int) -> set[int]:
    """A process, those it has started, those these have started, and so on."""
    parents, found = _parents(), {parent}
    while more := {pid for pid, above in parents.items() if above in found} - found:
        found |= more
    return found


def _parents() -> dict[int, int]:
    found = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            text = entry.read_text(encoding="utf-8", errors="replace")
            fields = text.rsplit(")", 1)[1].split()
            if fields[0] != "Z":
                found[int(entry.parent.name)] = int(fields[1])
    return found


def _command(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""
