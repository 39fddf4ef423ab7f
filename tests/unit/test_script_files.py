"""What can be typed as the documentation writes it."""

import os
from pathlib import Path

SCRIPTS = Path(__file__).parents[2] / "scripts"


def test_every_script_with_an_interpreter_can_be_executed() -> None:
    programs = [path for path in SCRIPTS.iterdir() if path.is_file() and path.read_bytes().startswith(b"#!")]
    assert len(programs) > 20
    assert [path.name for path in programs if not os.access(path, os.X_OK)] == []
