"""Patterns with asterisks, in time that grows with the text and not with what could be tried."""

from pipeline.notify.refusals import PolicyRefused

MAX_WILDCARDS = 3
"""Of one pattern."""


def wildcard_parts(pattern: str) -> tuple[str, ...]:
    r"""The texts between the asterisks of a pattern; `\*` is an asterisk, `\\` a backslash.

    Raises:
        PolicyRefused: the pattern is malformed or has too many asterisks.
    """
    parts = [""]
    position = 0
    while position < len(pattern):
        letter = pattern[position]
        if letter == "*":
            if pattern.startswith("**", position):
                raise PolicyRefused(f"Consecutive wildcard characters at pos {position}")
            parts.append("")
        elif letter == "\\":
            position += 1
            if pattern[position : position + 1] not in {"*", "\\"}:
                raise PolicyRefused(f"Invalid escape character at pos {position - 1}")
            parts[-1] += pattern[position]
        else:
            parts[-1] += letter
        position += 1
    if len(parts) - 1 > MAX_WILDCARDS:
        raise PolicyRefused(f"Rule is too complex - {len(parts) - 1} wildcard characters, at most {MAX_WILDCARDS}")
    return tuple(parts)


def fits(parts: tuple[str, ...], text: str) -> bool:
    """Whether the parts follow each other in the text with anything between them, from its start to its end."""
    if len(parts) == 1:
        return text == parts[0]
    first, *middle, last = parts
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    position, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True
