#!/usr/bin/env python3
"""The settings as docs/operations.md lists them; `--write` puts the table there.

Names, defaults and meanings come from `pipeline/settings.py`, which is their only home.
"""

import ast
import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pipeline.settings import Settings
from scripts.made_table import printed_or_written, replaced

PAGE = ROOT / "docs" / "operations.md"
HEAD = "| variable | default | meaning |\n|---|---|---|\n"


def table() -> str:
    """The table with its head."""
    return HEAD + "".join(_rows())


def page(present: str) -> str:
    """The page `present` with the table of today in place of the one it has."""
    return replaced(present, HEAD, table())


def _rows() -> Iterator[str]:
    meanings = _meanings()
    given = Settings.model_construct()
    for name, default in given.model_dump(mode="json").items():
        shown = _home_relative(getattr(given, name)) or _shown(default)
        yield f"| `REELSIGHT_{name.upper()}` | {shown} | {meanings[name]} |\n"


def _home_relative(default: Any) -> str | None:
    """A path below the user's home, without saying where that is."""
    return f"`~/{default.relative_to(Path.home())}`" if isinstance(default, Path) else None


def _shown(default: Any) -> str:
    """A default as it would be written in the environment."""
    if default is None:
        return "–"
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def _meanings() -> Mapping[str, str]:
    """Field -> the text that stands below it; who sets variables does not know Python's None."""
    body = ast.parse(inspect.getsource(Settings)).body[0]
    assert isinstance(body, ast.ClassDef)
    return {
        field.target.id: " ".join(text.value.value.split()).replace("None:", "not set:")
        for field, text in zip(body.body, body.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }


if __name__ == "__main__":
    printed_or_written(__doc__, PAGE, table, page)
