"""What came of a try to deliver."""

from dataclasses import dataclass
from datetime import timedelta

from pipeline.notify.webhook import Response


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one try.

    Attributes:
        code: Status of the answer; None: none came.
        error: What went wrong; None: delivered.
        final: No retry can help.
        wait: When to try again; None: never, or not needed.
        moved: The message is in the queue of dead letters now.
    """

    code: int | None
    error: str | None
    final: bool
    wait: timedelta | None = None
    moved: bool = False


def judge(response: Response) -> Outcome:
    """2xx is delivered; 4xx tells that no retry can help, but for 429; anything else may pass.

    Source: Amazon SNS Developer Guide, "Amazon SNS dead-letter queues" (client-side and server-side errors).
    """
    if 200 <= response.code < 300:
        return Outcome(response.code, None, final=False)
    final = 400 <= response.code < 500 and response.code != 429
    return Outcome(response.code, f"HTTP {response.code} {response.snippet}".strip(), final)
