"""What the best packages reached on a set of media, kept beside the truth it was measured on."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).with_name("peer_figures.json")
DETAILS = frozenset({"missed", "false", "count_errors", "wrong", "errors"})
"""Members that list cases instead of counting them."""


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Name -> figure, as it is printed."""
    found: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, dict) and key not in DETAILS:
            found |= flat(value, f"{prefix}{key} ")
        else:
            found[f"{prefix}{key}"] = f"{value:.3f}" if isinstance(value, float) else str(value)
    return found


def record(media: Path, figures: Mapping[str, Mapping[str, Any]]) -> None:
    """Keeps the packages' figures, replacing those of the same groups."""
    kept = dict(recorded(media))
    kept |= {group: _shown(values) for group, values in figures.items()}
    content = {"truth": _digest(media), "figures": kept}
    RECORDED.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def recorded(media: Path) -> Mapping[str, Mapping[str, str]]:
    """Group -> name -> figure; empty where the truth is another one than that they were measured on."""
    if not RECORDED.exists():
        return {}
    content = json.loads(RECORDED.read_text(encoding="utf-8"))
    return content["figures"] if content["truth"] == _digest(media) else {}


def _shown(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: value for name, value in flat(values).items() if name.split()[-1] not in DETAILS}


def _digest(media: Path) -> str:
    """SHA-256 of the truth files."""
    digest = hashlib.sha256()
    for path in sorted((media / "truth").glob("*.json")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
