"""Children that look at hostile files, and what is watched meanwhile: life, time, memory, descriptors, threads, temporary files."""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scripts.hostile.mutations import Case
from scripts.in_venv import ROOT

STALL_S = 20
"""Seconds without progress after which a worker gives up a file."""
HANG_S = 240
"""Seconds after which a file counts as hanging, whatever it does: several times what the limits together allow."""
MEMORY_MB = 4096
SETTLED = 40
"""Files after which a child has opened what it keeps."""
MORE_HELD = 20
"""Descriptors and threads beyond those that count as a leak; decoders under way have some."""
OURS = frozenset({".ses"})
"""Temporary files that stay: ONNX Runtime's own, one for all its sessions."""
PICTURE_OPERATIONS = (
    "DetectFaces",
    "DetectLabels",
    "DetectText",
    "DetectModerationLabels",
    "DetectProtectiveEquipment",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of a file.

    Attributes:
        case: Its name.
        kind: Of harm.
        container: Of the file it comes from.
        outcome: As `looking` says, or as the service does; died, hung, or leaked.
        message: StatusMessage, or why.
        seconds: It took.
        peak_mb: Most memory of its process so far.
        way: child or service.
    """

    case: str
    kind: str
    container: str
    outcome: str
    message: str
    seconds: float
    peak_mb: int
    way: str = "child"

    def values(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def environment(folder: Path) -> dict[str, str]:
    """Variables of processes that must keep within the limits and put temporary files where they are seen."""
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    limits = {
        "DECODE_STALL_S": STALL_S,
        "WORKER_MEMORY_MB": MEMORY_MB,
        "THREADS": 1,
        "DATA_DIR": folder,
        "LOG_LEVEL": "INFO",
    }
    ours = {f"REELSIGHT_{name}": str(value) for name, value in limits.items()}
    return {**os.environ, **ours, "TMPDIR": str(folder / "tmp"), "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": ""}


class Child:
    """A child, started anew when it has died."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._files, self._steady = 0, 0

    def _alive(self) -> "subprocess.Popen[str]":
        if self._process is None:
            command = ["nice", sys.executable, "-m", "scripts.hostile.looking"]
            env = environment(self._folder)
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=env, cwd=ROOT)
            self._lines, self._files = queue.Queue(), 0
            threading.Thread(target=self._listen, args=(self._process, self._lines), daemon=True).start()
        return self._process

    def _listen(self, process: "subprocess.Popen[str]", lines: "queue.Queue[str | None]") -> None:
        assert process.stdout
        for line in process.stdout:
            lines.put(line)
        lines.put(None)

    def look(self, case: Case, operations: Sequence[str]) -> Finding:
        """What becomes of the file."""
        path = self._folder / case.name
        path.write_bytes(case.content)
        wanted = {"path": str(path), "picture": case.is_picture, "operations": operations}
        process, peak = self._alive(), 0
        try:
            assert process.stdin
            with suppress(BrokenPipeError):
                process.stdin.write(json.dumps(wanted) + "\n")
                process.stdin.flush()
            answer = self._answer(process)
            peak = memory_mb(process.pid)
        finally:
            path.unlink()
        return Finding(
            case.name, case.kind, case.container, answer["outcome"], answer["message"], answer["seconds"], peak
        )

    def _answer(self, process: "subprocess.Popen[str]") -> Mapping[str, Any]:
        try:
            line = self._lines.get(timeout=HANG_S)
        except queue.Empty:
            self.close()
            return {"outcome": "hung", "message": f"no answer within {HANG_S} s", "seconds": float(HANG_S)}
        if line is None:
            status = process.wait()
            self._lines.put(None)
            self.close()
            return {"outcome": "died", "message": f"exit status {status}", "seconds": 0.0}
        answer: dict[str, Any] = json.loads(line)
        return answer | self._left(process.pid)

    def _left(self, pid: int) -> dict[str, Any]:
        """A leak of temporary files, descriptors or threads, if there is one; models open their own on first use."""
        temporary = [path.name for path in (self._folder / "tmp").iterdir() if path.name not in OURS]
        held = sum(len(list(Path(f"/proc/{pid}/{kind}").iterdir())) for kind in ("fd", "task"))
        self._files += 1
        if self._files == SETTLED:
            self._steady = held
        grown = self._files > SETTLED and held > self._steady + MORE_HELD
        if temporary or grown:
            return {"outcome": "leaked", "message": f"temporary files {temporary}, {held} descriptors and threads"}
        return {}

    def close(self) -> None:
        """Ends the child."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            while self._lines.get() is not None:  # the listener leaves
                pass
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe
                with suppress(BrokenPipeError):
                    pipe.close()
            self._process = None


def memory_mb(pid: int) -> int:
    """Most resident memory that the process has had, in MiB; 0: it is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) // 1024
    return 0


def looked_at(
    folder: Path,
    numbers: Iterator[int],
    case_of: Callable[[int], tuple[Case, Sequence[str]]],
    children: int,
    keep: Callable[[Finding, Case], None],
) -> None:
    """Has `children` children look at the cases that `case_of` makes of the numbers; `keep` is told of each."""
    lock, over = threading.Lock(), threading.Event()

    def work(name: str) -> None:
        (folder / name).mkdir(parents=True)
        child = Child(folder / name)
        with closing(child):
            while not over.is_set():
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                case, operations = case_of(number)
                finding = child.look(case, operations)
                with lock:
                    keep(finding, case)

    threads = [threading.Thread(target=work, args=(f"child{n}",)) for n in range(children)]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    finally:
        over.set()
        for thread in threads:  # who is stopped waits for the files that are being looked at
            thread.join()
