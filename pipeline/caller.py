"""What this thread knows of the request that it serves, beside its members."""

from collections.abc import Callable
from contextvars import ContextVar

has_left: ContextVar[Callable[[], bool]] = ContextVar("has_left", default=lambda: False)
"""Whether the client whose request is served has closed its connection; whoever takes requests sets it."""

wanted_priority: ContextVar[str | None] = ContextVar("wanted_priority", default=None)
"""What the request's header says of its priority; whoever takes requests sets it."""
