"""Rows by many keys at once, by the index whatever the planner knows of the table."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, RowMapping, Select, String, cast, func, select, true
from sqlalchemy.dialects.postgresql import ARRAY

KEYS = 500
"""In one query: SQLite limits the parameters of a statement."""


def rows_by(
    connection: Connection,
    fields: Sequence[Column[Any]],
    mine: ColumnElement[bool],
    key: Column[Any],
    values: Sequence[str],
) -> Iterator[RowMapping]:
    """These fields of the rows where `mine` holds and `key` is one of the values, in any order; there is an index that begins with both."""
    for start in range(0, len(values), KEYS):
        part = values[start : start + KEYS]
        if connection.dialect.name == "postgresql":
            query = _one_by_one(fields, mine, key, part)
        else:
            query = select(*fields).where(mine, key.in_(part))
        yield from connection.execute(query).mappings()


def _one_by_one(
    fields: Sequence[Column[Any]], mine: ColumnElement[bool], key: Column[Any], values: Sequence[str]
) -> Select[Any]:
    """A look-up in the index for each value.

    PostgreSQL would walk a whole collection for a list of values, and compare each row with each of them, as long as its statistics tell of
    a smaller table, which they do while one is filled; OFFSET keeps it from taking the look-ups together again.
    """
    wanted = func.unnest(cast(list(values), ARRAY(String))).table_valued("key", name="wanted").render_derived()
    found = select(*fields).where(mine, key == wanted.c.key).offset(0).lateral("found")
    return select(found).select_from(wanted).join(found, true())
