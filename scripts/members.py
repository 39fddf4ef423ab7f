"""What is answered of each output member of the served operations: everything, but for what `members.toml` says."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

STATEMENTS = Path(__file__).with_name("members.toml")
REAL = "real"


@dataclass(frozen=True, slots=True)
class Member:
    """An output member.

    Attributes:
        path: Names joined by dots; `[]` stands for any item of a list.
        statement: "real", "partial: how" or "absent: why".
        parts: The members of its structure.
    """

    path: str
    statement: str
    parts: tuple["Member", ...]

    def is_uniform(self) -> bool:
        """Whether all that is in it shares its statement."""
        return all(part.statement == self.statement and part.is_uniform() for part in self.parts)

    def rows(self) -> Iterator["Member"]:
        """Itself, and its parts where they differ."""
        yield self
        if not self.is_uniform():
            for part in self.parts:
                yield from part.rows()


def statements() -> Mapping[str, Mapping[str, str]]:
    """Operation -> member path -> statement.

    Raises:
        ValueError: a statement is neither "absent: why" nor "partial: how".
    """
    read: dict[str, dict[str, str]] = tomllib.loads(STATEMENTS.read_text(encoding="utf-8"))
    for operation, members in read.items():
        for path, statement in members.items():
            kind, _, reason = statement.partition(": ")
            if kind not in {"absent", "partial"} or not reason:
                raise ValueError(f"{operation} {path}: {statement!r} is neither 'absent: why' nor 'partial: how'")
    return read


def members(operation: OperationModel, stated: Mapping[str, str]) -> tuple[Member, ...]:
    """The members of an operation's answer.

    Raises:
        ValueError: a statement names a member that the operation does not have.
    """
    if operation.output_shape is None:
        return ()
    found = tuple(_parts(operation.output_shape, "", REAL, stated, frozenset()))
    known = {each.path for each in _all(found)}
    if unknown := sorted(set(stated) - known):
        raise ValueError(f"{operation.name} has no members {', '.join(unknown)}")
    return found


def _parts(
    shape: Shape, path: str, inherited: str, stated: Mapping[str, str], above: frozenset[str]
) -> Iterator[Member]:
    while isinstance(shape, ListShape | MapShape):
        shape, path = (shape.member if isinstance(shape, ListShape) else shape.value), f"{path}[]"
    if not isinstance(shape, StructureShape) or shape.name in above:
        return
    for name, member in shape.members.items():
        own = f"{path}.{name}" if path else name
        statement = stated.get(own, inherited)
        yield Member(own, statement, tuple(_parts(member, own, statement, stated, above | {shape.name})))


def _all(found: tuple[Member, ...]) -> Iterator[Member]:
    for member in found:
        yield member
        yield from _all(member.parts)
