"""Runs the programs that a JSON file lists until it is told to stop: `python -m tests.support.chaos.supervise FILE`.

It stands for one machine, where a container engine or systemd starts again what dies.
"""

import json
import os
import signal
import sys
from pathlib import Path

from api.serve.supervisor import Program, Supervisor
from pipeline import logs


def main(file: Path) -> None:
    """Ends after SIGTERM or SIGINT."""
    logs.configure("INFO", "json")
    supervisor = Supervisor(dict(os.environ))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, supervisor.request_stop)
    try:
        for name, command in json.loads(file.read_text(encoding="utf-8")).items():
            supervisor.start(Program(name, command, stop_s=20.0))
        supervisor.watch()
    finally:
        supervisor.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
