"""What serves an operation."""

from collections.abc import Callable, Mapping
from typing import Any

from pipeline.conduct.answer import Answer
from pipeline.services import Services

Handler = Callable[[Services, str, Mapping[str, Any]], Mapping[str, Any] | Answer]
"""Services, account and parsed, valid request -> members of the answer. Raises RequestError."""
