"""Rows of faces into the database, many at once."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, insert

from pipeline.store.face_schema import faces
from pipeline.store.face_types import Face

_SIDES = ("Left", "Top", "Width", "Height")
_PLAIN = tuple(name for name in Face.__dataclass_fields__ if name != "box")


def insert_faces(connection: Connection, collection: int, rows: Sequence[tuple[Face, bytes]]) -> None:
    """Writes faces with their vectors to the collection of this number, whose counters stay as they are."""
    connection.execute(insert(faces), [_row(collection, face, vector) for face, vector in rows])


def _row(collection: int, face: Face, vector: bytes) -> dict[str, Any]:
    plain = {name: getattr(face, name) for name in _PLAIN}
    box = {f"box_{side.lower()}": float(face.box[side]) for side in _SIDES}
    return {"collection": collection, **plain, **box, "vector": vector}
