"""Whose collections a command is about."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click
from sqlalchemy import select

from pipeline.errors import SetupError
from pipeline.services import Services
from pipeline.store.engine import reading
from pipeline.store.face_schema import collections

Command = TypeVar("Command", bound=Callable[..., Any])


def _digits(_: click.Context, __: click.Parameter, account: str | None) -> str | None:
    if account is not None and not (len(account) == 12 and account.isascii() and account.isdigit()):
        raise click.BadParameter(f"{account!r} does not consist of 12 digits")
    return account


def account_option(command: Command) -> Command:
    """Adds `--account`."""
    text = "Whose collection it is, 12 digits [default: the only account that there is]."
    return click.option("--account", metavar="DIGITS", callback=_digits, help=text)(command)


def account_of(services: Services, given: str | None) -> str:
    """The account that is meant: the one that was given, or the only one of the installation.

    Raises:
        SetupError: none was given, and there is none or more than one; or the given one is unknown where others are known.
    """
    found = sorted(_accounts(services))
    if given is not None:
        if found and given not in found:
            raise SetupError(
                f"The account {given} has neither a key nor a collection here, so nobody could reach what is made for it; `reelsight keys "
                f"create --account {given}` makes a key."
            )
        return given
    if not found:
        raise SetupError("No account has a key here yet; say with --account whose collection it is to be.")
    if len(found) > 1:
        raise SetupError(f"There are several accounts, {', '.join(found)}; say with --account whose collection it is.")
    return found[0]


def _accounts(services: Services) -> set[str]:
    """All accounts with access keys or collections."""
    with reading(services.engine) as connection:
        owners = connection.execute(select(collections.c.account).distinct()).scalars()
        known = {owner for owner in owners if owner and owner.isdigit()}
    return known | services.keys.accounts()


def require_name(name: str) -> str:
    """The name, if a collection can be called so.

    Raises:
        SetupError: it cannot.
    """
    if not re.fullmatch(r"[a-zA-Z0-9_.\-]{1,255}", name):
        raise SetupError(f"{name!r} cannot name a collection: 1 to 255 letters, digits and _.- can.")
    return name
