"""Files as trees of tagged parts (MP4 boxes, Matroska elements, RIFF and PNG chunks, JPEG segments), and what can be wrong with a tree."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal, Protocol

ODD_NUMBERS = (
    0,
    1,
    2,
    3,
    7,
    25,
    255,
    1000,
    65535,
    65536,
    90000,
    10**6,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**63 - 1,
    2**63,
    2**64 - 1,
)
MOST_BYTES = 6 * 1024**2
"""Mutations that copy stop here: larger files cost time and show nothing else."""
DEEPEST = 3000


@dataclass(slots=True)
class Part:
    """A tagged part of a file.

    Attributes:
        tag: What it says it is.
        head: Bytes of the payload before its children.
        body: The payload of a part without children.
        parts: Its children; None: it has none.
        lie: What it says of its size instead of the truth.
    """

    tag: bytes
    head: bytes = b""
    body: bytes = b""
    parts: "list[Part] | None" = None
    lie: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A number in a part's payload."""

    offset: int
    width: int
    order: Literal["big", "little"] = "big"


class Grammar(Protocol):
    """How files of a format are taken apart and put together."""

    def parse(self, content: bytes) -> list[Part]:
        """The parts at the top; what cannot be read is a part without a tag."""

    def enclose(self, tag: bytes, payload: bytes, lie: int | None = None) -> bytes:
        """The bytes of a part."""

    def places(self, part: Part) -> Sequence[Place]:
        """The numbers in a part that mean something."""


def write(grammar: Grammar, parts: Sequence[Part]) -> bytes:
    """The file that the parts make."""
    pieces = []
    for part in parts:
        payload = part.head + (part.body if part.parts is None else write(grammar, part.parts))
        pieces.append(grammar.enclose(part.tag, payload, part.lie) if part.tag else payload)
    return b"".join(pieces)


def odd_number(rng: Random, width: int, order: Literal["big", "little"]) -> bytes:
    """A number that programs stumble over, or any."""
    value = rng.choice(ODD_NUMBERS) if rng.random() < 0.7 else rng.getrandbits(8 * width)
    return (value % (1 << 8 * width)).to_bytes(width, order)


def everywhere(parts: list[Part]) -> Iterator[tuple[list[Part], int]]:
    """Every part of the forest, as its list and its place there."""
    for number, part in enumerate(parts):
        yield parts, number
        if part.parts is not None:
            yield from everywhere(part.parts)


@dataclass(slots=True)
class Damage:
    """One way of doing harm after the other to a file of one grammar."""

    grammar: Grammar
    rng: Random
    others: Sequence[bytes] = field(default=())

    def done(self, content: bytes, kind: str, times: int) -> bytes:
        """The file with this kind of damage, so many times."""
        parts = self.grammar.parse(content)
        for _ in range(times):
            spots = list(everywhere(parts))
            if not spots:
                break
            getattr(self, kind)(*self.rng.choice(spots))
            if kind in {"copies", "nested"}:
                break
        return write(self.grammar, parts)

    def size_lie(self, among: list[Part], at: int) -> None:
        """A part says that it is longer or shorter than it is."""
        true = len(write(self.grammar, among[at : at + 1]))
        near = true + self.rng.choice((-9, -8, -4, -1, 1, 4, 8, 9, 1000))
        among[at].lie = max(0, near) if self.rng.random() < 0.4 else self.rng.choice(ODD_NUMBERS)

    def lost(self, among: list[Part], at: int) -> None:
        """A part is missing."""
        del among[at]

    def moved(self, among: list[Part], at: int) -> None:
        """A part stands elsewhere among its siblings."""
        among.insert(self.rng.randrange(len(among)), among.pop(at))

    def retagged(self, among: list[Part], at: int) -> None:
        """A part says that it is another."""
        among[at].tag = self.rng.choice(
            [among[self.rng.randrange(len(among))].tag, b"free", bytes(4), among[at].tag[::-1]]
        )

    def copies(self, among: list[Part], at: int) -> None:
        """A part is there many times: streams, entries, headers."""
        length = max(1, len(write(self.grammar, among[at : at + 1])))
        count = min(self.rng.choice((1, 2, 10, 100, 500)), MOST_BYTES // length)
        among[at:at] = [among[at]] * count

    def nested(self, among: list[Part], at: int) -> None:
        """Parts within parts within parts."""
        raw, tag = b"", among[at].tag or b"moov"
        for _ in range(self.rng.choice((20, 200, DEEPEST))):
            raw = self.grammar.enclose(tag, raw)
        among.insert(at, Part(b"", body=raw))

    def number(self, among: list[Part], at: int) -> None:
        """A number of the header is huge, zero or negative."""
        part = self._with_places(among, at)
        places = self.grammar.places(part)
        if places:
            self._put(part, self.rng.choice(places))

    def numbers(self, among: list[Part], at: int) -> None:
        """Many numbers of one part are: times that run backwards, sizes and offsets that lead nowhere."""
        part = self._with_places(among, at)
        share = self.rng.random()
        for place in self.grammar.places(part):
            if self.rng.random() < share:
                self._put(part, place)

    def payload(self, among: list[Part], at: int) -> None:
        """A payload is cut, longer, or noise."""
        part = among[at]
        data = part.body if part.parts is None else part.head
        cut = self.rng.randrange(len(data) + 1)
        data = self.rng.choice(
            (data[:cut], data[:cut] + self.rng.randbytes(self.rng.choice((1, 100, 5000))), data[cut:], b"")
        )
        if part.parts is None:
            part.body = data
        else:
            part.head = data

    def _with_places(self, among: list[Part], at: int) -> Part:
        """The part, or another below or beside it that has numbers."""
        spots = [one for one in everywhere(among) if self.grammar.places(one[0][one[1]])]
        if self.grammar.places(among[at]) or not spots:
            return among[at]
        where, number = self.rng.choice(spots)
        return where[number]

    def _put(self, part: Part, place: Place) -> None:
        number = odd_number(self.rng, place.width, place.order)
        whole = part.head if part.parts is not None else part.body
        changed = whole[: place.offset] + number + whole[place.offset + place.width :]
        if part.parts is not None:
            part.head = changed
        else:
            part.body = changed


TREE_KINDS: tuple[str, ...] = (
    "size_lie",
    "lost",
    "moved",
    "retagged",
    "copies",
    "nested",
    "number",
    "numbers",
    "payload",
)
"""Methods of `Damage`."""

Mutation = Callable[[Random, bytes, Sequence[bytes]], bytes]
"""A file and others -> the file that is wrong."""
