"""What a job's priority is called; it orders the jobs of one account and takes nothing from others."""

from collections.abc import Mapping

from pipeline.errors import RequestError

NORMAL = "normal"
LEVELS: Mapping[str, int] = {"high": 1, NORMAL: 0, "low": -1}
"""Name -> what is kept; a higher number goes first."""
HEADER = "X-Reelsight-Priority"


def asked_for(header: str | None, otherwise: str) -> int:
    """The priority that the header of a request names, `otherwise` that of its account.

    Raises:
        RequestError: there is no such priority.
    """
    name = (header or "").strip().lower() or otherwise
    if name not in LEVELS:
        raise RequestError(
            "InvalidParameterException",
            f"Request has invalid parameters: header {HEADER}: {name[:32]!r} is none of {', '.join(LEVELS)}.",
        )
    return LEVELS[name]


def named(priority: int) -> str:
    """What the priority is called."""
    return next((name for name, level in LEVELS.items() if level == priority), str(priority))
