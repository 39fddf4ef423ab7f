"""What settings must fulfil that concern single accounts, and what is said of those that are refused; messages name setting and account."""

import re
from collections.abc import Mapping

from pydantic import ValidationError
from pydantic_settings import SettingsError

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


def refusal(error: ValidationError | SettingsError) -> str:
    """The variable and what is wrong with it; never its value, which may be a secret."""
    if isinstance(error, SettingsError):  # names the field; the JSON error that it came from has the value
        found = re.search('field "([a-z0-9_]+)"', str(error))
        return f"REELSIGHT_{found[1].upper()}: it is not JSON" if found else "a setting is not JSON"
    first = error.errors(include_input=False)[0]
    setting, *within = (str(part) for part in first["loc"])
    return f"REELSIGHT_{setting.upper()}: {': '.join([*within, first['msg']])}"
