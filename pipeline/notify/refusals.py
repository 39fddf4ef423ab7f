"""How SNS says no."""

from pipeline.errors import RequestError


def invalid(member: str, reason: str) -> RequestError:
    """The error that names a member and what is wrong with it."""
    return RequestError("InvalidParameter", f"Invalid parameter: {member} Reason: {reason}")


def worded(words: str) -> RequestError:
    """The error in the very words of SNS, which other programs may look for."""
    return RequestError("InvalidParameter", f"Invalid parameter: {words}")


def among_attributes(error: RequestError) -> RequestError:
    """The same error about one of several attributes, as operations that take them all at once say it."""
    words = error.message.removeprefix("Invalid parameter: ")
    return RequestError(error.code, f"Invalid parameter: Attributes Reason: {words}")


class PolicyRefused(ValueError):  # noqa: N818 - the word of the domain
    """A filter policy says what none may; the message says what, in SNS's words."""
