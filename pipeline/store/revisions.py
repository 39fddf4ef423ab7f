"""Revisions of the schema: which one a database has, and which code can work with it.

A revision is called `NNNN`, or `NNNN_needs_MMMM` once something was taken away that code of before MMMM uses: older code
goes on beside a newer schema that only added to what it knows, and refuses one that needs newer code.
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from pipeline.errors import SetupError

if TYPE_CHECKING:
    from alembic.config import Config

NAME = re.compile(r"(?P<number>[0-9]{4})(_needs_(?P<needs>[0-9]{4}))?")
_STEP = re.compile(r'^revision = "([^"]+)"$', re.MULTILINE)
VERSION_TABLE = "alembic_version"
"""Where Alembic keeps the revision of a database."""


@dataclass(frozen=True, order=True, slots=True)
class Revision:
    """One step of the schema.

    Attributes:
        number: Its place in the order.
        needs: Code that knows no revision as new as this one cannot work with it.
        name: How Alembic calls it.
    """

    number: int
    needs: int
    name: str


def configuration() -> "Config":
    """Where Alembic finds the steps."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "pipeline.store:migrations")
    config.set_main_option("path_separator", "os")
    return config


def parsed(name: str) -> Revision:
    """The revision of that name.

    Raises:
        SetupError: it is none of ours.
    """
    found = NAME.fullmatch(name)
    if found is None:
        raise SetupError(f"the database says that its schema is {name!r}, which no version of Reelsight has made")
    return Revision(int(found["number"]), int(found["needs"] or 0), name)


@cache
def known() -> tuple[Revision, ...]:
    """The revisions of this code, oldest first: as the steps name themselves, without Alembic, which takes long to begin."""
    steps = (
        file.read_text("utf-8")
        for file in files("pipeline.store.migrations.versions").iterdir()
        if file.name[:1].isdigit()
    )
    return tuple(sorted(parsed(name) for step in steps for name in _STEP.findall(step)))


def head() -> Revision:
    """The schema that this code was written for."""
    return known()[-1]


def chosen(name: str) -> Revision:
    """The revision of this code that a user means: by its name, or `NNNN`.

    Raises:
        SetupError: this code has none like that.
    """
    for revision in known():
        if name in {revision.name, f"{revision.number:04}"}:
            return revision
    raise SetupError(f"there is no revision {name!r}; there are {', '.join(r.name for r in known())}")


def present(connection: Connection) -> Revision | None:
    """The schema that the database has; None: it is empty.

    Raises:
        SetupError: it was made by something else.
    """
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    name = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 - our own constant
    return None if name is None else parsed(name)


def check(schema: Revision | None) -> None:
    """Says whether this code can work with a schema that is not older than its own.

    Raises:
        SetupError: it was taken further than this code can follow.
    """
    if schema is not None and schema.needs > head().number:
        raise SetupError(
            f"the database's schema is {schema.name}: it needs a version of Reelsight that knows {schema.needs:04}, and this one "
            f"knows {head().name}; install the newer version here, or take the schema back with it "
            f"(`reelsight database downgrade {head().name}`)"
        )
