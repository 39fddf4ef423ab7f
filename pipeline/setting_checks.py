"""What settings must fulfil that concern single accounts; messages name the account."""

import re
from collections.abc import Mapping

from pipeline.jobs.priority import LEVELS

LEAST_SHARE, MOST_SHARE = 0.001, 1000


def check_account(account: str) -> None:
    """Nothing, if this may be an account.

    Raises:
        ValueError: it may not.
    """
    if not re.fullmatch("[0-9]{12}", account):
        raise ValueError(f"{account!r} is no account: it must have 12 digits")


def checked_shares(shares: Mapping[str, float]) -> Mapping[str, float]:
    """The shares, if all are possible.

    Raises:
        ValueError: one is not.
    """
    for account, share in shares.items():
        check_account(account)
        if not LEAST_SHARE <= share <= MOST_SHARE:
            raise ValueError(f"{account}: {share} is not within {LEAST_SHARE} to {MOST_SHARE}")
    return shares


def checked_priorities(priorities: Mapping[str, str]) -> Mapping[str, str]:
    """The priorities, if all exist.

    Raises:
        ValueError: one does not.
    """
    for account, priority in priorities.items():
        check_account(account)
        if priority not in LEVELS:
            raise ValueError(f"{account}: {priority!r} is none of {', '.join(LEVELS)}")
    return priorities
