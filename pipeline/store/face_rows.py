"""Rows of faces into the database, many at once."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, insert
from sqlalchemy.exc import IntegrityError

from pipeline.store.face_schema import faces
from pipeline.store.face_types import Face

_SIDES = ("Left", "Top", "Width", "Height")
_PLAIN = tuple(name for name in Face.__dataclass_fields__ if name != "box")
_COLUMNS = ("collection", *_PLAIN, *(f"box_{side.lower()}" for side in _SIDES), "vector")
FEW = 50
"""Rows that are not worth a COPY."""


def insert_faces(connection: Connection, collection: int, rows: Sequence[tuple[Face, bytes]]) -> None:
    """Writes faces with their vectors to the collection of this number, whose counters stay as they are.

    Raises:
        IntegrityError: a position or an id of them is taken.
    """
    values = (_values(collection, face, vector) for face, vector in rows)
    if len(rows) > FEW and connection.dialect.driver == "psycopg":
        _copy(connection, values)
    else:
        connection.execute(insert(faces), [dict(zip(_COLUMNS, row, strict=True)) for row in values])


def _copy(connection: Connection, values: Iterator[tuple[Any, ...]]) -> None:
    """Writes rows the way that PostgreSQL takes them fastest. Source: psycopg 3 documentation, "Using COPY TO and COPY FROM"."""
    statement = f"COPY {faces.name} ({', '.join(_COLUMNS)}) FROM STDIN"
    try:
        with connection.connection.cursor() as cursor, cursor.copy(statement) as copy:  # type: ignore[attr-defined]
            for row in values:
                copy.write_row(row)
    except connection.dialect.loaded_dbapi.IntegrityError as error:
        raise IntegrityError(statement, None, error) from error


def _values(collection: int, face: Face, vector: bytes) -> tuple[Any, ...]:
    plain = (getattr(face, name) for name in _PLAIN)
    return (collection, *plain, *(float(face.box[side]) for side in _SIDES), vector)
