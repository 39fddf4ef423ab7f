#!/usr/bin/env python3
"""Breaks a running installation in every way it knows while jobs are submitted, and checks that nothing was lost.

    scripts/chaos.py [--minutes N] [--shape one|many] [--seed S] [--json FILE] [--only PART_OF_A_NAME] [--keep]

`one` is `reelsight serve` with SQLite, a private Redis and directories; `many` is two machines over PostgreSQL, Redis and S3. The seed
decides
which faults come when. At the end all is healed, and it prints how many were injected and what became of jobs, results, notifications,
rows, files and processes; the exit status is 1 where anything was lost, wrong or left behind. Everything listens on the loopback interface
alone, and all of it is ended and removed, also after Ctrl-C. docs/reliability.md says what the lines mean.
"""

import in_venv

in_venv.enter("test")

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.chaos.run import Plan, chaos

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """The exit status."""
    arguments = _arguments()
    _enter_namespace()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all is ended and removed
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where it was started with the signal ignored
    plan = Plan(
        shape=arguments.shape, minutes=arguments.minutes, seed=arguments.seed, media=arguments.media, models=arguments.models,
        keep=arguments.keep, only=tuple(arguments.only), gap_s=arguments.gap_s, tell=lambda line: print(line, flush=True),
    )  # fmt: skip
    report = chaos(plan)
    print("\n" + report.text())
    if arguments.json:
        arguments.json.write_text(json.dumps(report.values, indent=1) + "\n", encoding="utf-8")
    return 1 if report.findings.wrong else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=3.0, help="how long faults are injected [3]")
    parser.add_argument("--shape", choices=("one", "many"), default="one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument(
        "--only", action="append", default=[], metavar="PART", help="only faults with this in their name"
    )
    parser.add_argument("--gap-s", type=float, help="mean time between two faults [by the length of the run]")
    parser.add_argument("--keep", action="store_true", help="leave the folder with logs and data")
    media = os.environ.get("REELSIGHT_TEST_MEDIA", ROOT.parent / "shared" / "media")
    parser.add_argument("--media", type=Path, default=media, help="folder of the test media")
    models = os.environ.get("REELSIGHT_MODELS_DIR", ROOT / "data" / "models")
    parser.add_argument("--models", type=Path, default=models, help="folder of pulled models")
    return parser.parse_args()


def _enter_namespace() -> None:
    """Goes on in a mount namespace of its own where that is allowed: disks that are mounted to be filled vanish with it."""
    if "CHAOS_MOUNTS" in os.environ:
        return
    command = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    if (
        shutil.which(command[0])
        and subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0
    ):
        os.environ["CHAOS_MOUNTS"] = "own"
        os.execvp(command[0], [*command, sys.executable, *sys.argv])


if __name__ == "__main__":
    sys.exit(main())
