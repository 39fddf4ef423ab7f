"""One request of an account, and the pages of lists."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.notify.refusals import invalid
from pipeline.notify.subscriptions import Subscriptions
from pipeline.services import Services

ARN = r"arn:aws:sns:[A-Za-z0-9_:-]+"
"""What page tokens of lists hold."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request of an account; `account` None: unsigned, from whoever follows a link in a message."""

    services: Services
    account: str | None
    request: Mapping[str, Any]
    now: datetime

    @property
    def owner(self) -> str:
        """The account of a signed request."""
        assert self.account is not None, "unsigned requests reach only `UNSIGNED`"
        return self.account

    @property
    def subscriptions(self) -> Subscriptions:
        """The subscriptions, with confirmations sent through the outbox."""
        return Subscriptions(self.services.outbox)


Handler = Callable[[Call], Mapping[str, Any]]


def page_token(last: str) -> str:
    """The NextToken behind the ARN; opaque to clients, it holds nothing that the page before did not show."""
    return base64.urlsafe_b64encode(last.encode()).decode("ascii")


def page_start(call: Call) -> str:
    """ARN behind which the page begins that the request asks for."""
    token = call.request.get("NextToken")
    if token is None:
        return ""
    try:
        last = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (UnicodeError, binascii.Error):
        last = ""
    if not re.fullmatch(ARN, last):
        raise invalid("NextToken", "not one that this endpoint gave")
    return last
