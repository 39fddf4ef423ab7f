"""What both scripts that send hostile input are asked, and how they begin."""

import argparse
import os
import signal
import sys
from pathlib import Path

from scripts import pulled


def parser(description: str | None, count: int, keep: str) -> argparse.ArgumentParser:
    """A parser of their common options; `count` and `keep` are defaults."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--count", type=int, default=count)
    made.add_argument("--seed", default="1")
    made.add_argument("--minutes", type=float, default=0, help="stop sooner; 0: do not")
    made.add_argument("--json", type=Path)
    made.add_argument("--keep", type=Path, default=Path(keep), help="where offenders go")
    return made


def begun(made: argparse.ArgumentParser) -> argparse.Namespace:
    """What was asked; whatever is started from now on ends with this process and uses its models."""
    given = made.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.environ["REELSIGHT_MODELS_DIR"] = str(pulled.settings().models_path)
    return given
