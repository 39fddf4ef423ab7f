"""Lets a script be called with any Python: it goes on in the project's virtual environment, set up if need be.

Import this first; it has no imports of its own beyond the standard library.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # scripts import one another as `scripts.x`, as the tests import them


PEERS = ("bench", ".venv-peers")
"""Where packages run that Reelsight is compared with: what they depend on stays out of `.venv`."""


def asked(option: str) -> bool:
    """Whether the running script was called with an option, as `--option` or `--option=VALUE`."""
    return any(word == option or word.startswith(f"{option}=") for word in sys.argv[1:])


def enter(extras: str = "", folder: str = ".venv") -> None:
    """Continues the running script in `.venv`, or another folder, with these extras; does nothing where it already runs there."""
    venv = ROOT / folder
    if Path(sys.prefix).resolve() == venv or os.environ.get("REELSIGHT_IN_VENV") == str(os.getpid()):
        return
    subprocess.run([str(ROOT / "scripts" / "setup"), extras, folder], check=True, stdout=sys.stderr)
    os.environ["REELSIGHT_IN_VENV"] = str(os.getpid())  # survives the exec: a venv made of links cannot loop
    python = str(venv / "bin" / "python")
    os.execv(python, [python, *sys.argv])
