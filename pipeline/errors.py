"""The errors of the domain.

::

    ReelsightError
    ├── RequestError        answered at once; `code` is the AWS error code, the message names the offending member
    ├── JobFailed           the job ends FAILED; the message becomes StatusMessage and says what the user can do
    │   └── MediaError      the video itself cannot be analysed
    ├── LeaseLost           another worker owns the chunk or pass now; the work is dropped silently
    ├── ModelError          a model is missing, damaged or answers in another layout
    └── SetupError          the installation lacks something; the message says how to mend it

Anything else that escapes a task is a bug or a passing fault: it is retried, then the job fails.
"""


class ReelsightError(Exception):
    """Something Reelsight can name went wrong."""


class RequestError(ReelsightError):
    """The request cannot be served as it stands.

    Attributes:
        code: AWS error code, for example "InvalidParameterException".
        message: One sentence for the caller that names the member and the value.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class JobFailed(ReelsightError):  # noqa: N818 - the word of the domain: what happened, not "an error"
    """The job cannot succeed, however often it is tried."""


class MediaError(JobFailed):
    """The video cannot be opened, decoded or is beyond a limit."""


class LeaseLost(ReelsightError):  # noqa: N818
    """Another worker owns this chunk or pass now."""


class ModelError(ReelsightError):
    """A model is missing, damaged, not permitted or answers in another layout."""


class SetupError(ReelsightError):
    """The installation lacks something."""
