"""Whether somebody still waits for what this thread works on."""

from collections.abc import Callable
from contextvars import ContextVar

has_left: ContextVar[Callable[[], bool]] = ContextVar("has_left", default=lambda: False)
"""Whether the client whose request is served has closed its connection; whoever takes requests sets it."""
