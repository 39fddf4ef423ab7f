"""Mutated files: which file, which kinds of harm and which numbers follow from a seed and a count alone."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random

from scripts.hostile.clips import Seed
from scripts.hostile.forest import MOST_BYTES, ODD_NUMBERS, TREE_KINDS, Damage, Grammar, Mutation
from scripts.hostile.grammars import Boxes, Chunks, Elements, Riff, Segments

PACKET = 188


@dataclass(frozen=True, slots=True)
class Case:
    """A mutated file.

    Attributes:
        name: Unique within a run, with the extension of what it comes from.
        kind: Of the harm that was done.
        container: Of the file it comes from.
        content: The file.
    """

    name: str
    kind: str
    container: str
    content: bytes

    @property
    def is_picture(self) -> bool:
        """Whether it is for operations on images."""
        return self.container in {"jpeg", "png"}


def bits(rng: Random, content: bytes, _: Sequence[bytes]) -> bytes:
    """Some bits are flipped, mostly close to the start, where headers are."""
    raw = bytearray(content)
    within = len(raw) if rng.random() < 0.5 else min(len(raw), 2000)
    for _number in range(rng.choice((1, 3, 10, 100))):
        raw[rng.randrange(within)] ^= 1 << rng.randrange(8)
    return bytes(raw)


def noise(rng: Random, content: bytes, _: Sequence[bytes]) -> bytes:
    """A stretch is noise, zeros or ones."""
    begin = rng.randrange(len(content))
    length = min(rng.choice((4, 64, 1000, 20000)), len(content) - begin)
    stretch = rng.choice((rng.randbytes(length), bytes(length), b"\xff" * length))
    return content[:begin] + stretch + content[begin + length :]


def truncated(rng: Random, content: bytes, _: Sequence[bytes]) -> bytes:
    """The end, the start or something between is missing."""
    first, second = sorted(rng.randrange(len(content) + 1) for _number in range(2))
    return rng.choice((content[:first], content[:second], content[first:], content[:first] + content[second:]))


def spliced(rng: Random, content: bytes, others: Sequence[bytes]) -> bytes:
    """The start of one file, the end of another; or one in the middle of the other."""
    other = rng.choice(others)
    here, there = rng.randrange(len(content)), rng.randrange(len(other))
    middle = other[there : there + 30000]
    return rng.choice((content[:here] + other[there:], content[:here] + middle + content[here:], content + other))[
        :MOST_BYTES
    ]


def repeated(rng: Random, content: bytes, _: Sequence[bytes]) -> bytes:
    """A stretch comes again and again."""
    begin = rng.randrange(len(content))
    stretch = content[begin : begin + rng.choice((16, 188, 2000, 50000))]
    return content[:begin] + stretch * min(rng.choice((2, 20, 300)), 1 + 2**20 // len(stretch)) + content[begin:]


def number_anywhere(rng: Random, content: bytes, _: Sequence[bytes]) -> bytes:
    """A number near the start is another."""
    raw, width = bytearray(content), rng.choice((1, 2, 4, 8))
    for _number in range(rng.choice((1, 1, 4))):
        at = rng.randrange(max(1, min(len(raw), 4000) - width))
        raw[at : at + width] = (rng.choice(ODD_NUMBERS) % (1 << 8 * width)).to_bytes(
            width, rng.choice(("big", "little"))
        )
    return bytes(raw)


def _packets(content: bytes) -> list[bytes]:
    return [content[at : at + PACKET] for at in range(0, len(content), PACKET)]


def packets_disordered(rng: Random, content: bytes, _: Sequence[bytes]) -> bytes:
    """Packets are lost, doubled, exchanged, or belong to another stream."""
    packets = _packets(content)
    for _number in range(rng.choice((1, 5, 50))):
        here, there = rng.randrange(len(packets)), rng.randrange(len(packets))
        match rng.randrange(4):
            case 0:
                packets[here : here + 3] = packets[:1]
            case 1:
                packets.insert(there, packets[here])
            case 2:
                packets[here], packets[there] = packets[there], packets[here]
            case _:
                packets[here] = packets[here][:1] + rng.randbytes(2) + packets[here][3:]
    return b"".join(packets)


def packet_times(rng: Random, content: bytes, _: Sequence[bytes]) -> bytes:
    """Presentation and decoding times, clocks and lengths of PES packets are random: streams run backwards and begin anew."""
    raw = bytearray(content)
    starts = [match.start() for match in re.finditer(rb"\x00\x00\x01[\xc0-\xef]", content)]
    for at in starts:
        if rng.random() < 0.3 and at + 19 < len(raw):
            field = at + rng.choice((4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))
            raw[field] = rng.getrandbits(8)
    return bytes(raw)


def tables(rng: Random, content: bytes, _: Sequence[bytes]) -> bytes:
    """The tables of programs and streams say something else: more streams, other codecs, wrong lengths."""
    packets = _packets(content)
    for number, packet in enumerate(packets):
        if packet[1:2] and packet[1] & 0x40 and packet[4:5] == b"\0" and rng.random() < 0.5:
            at = rng.randrange(5, 60)
            packets[number] = packet[:at] + rng.randbytes(rng.choice((1, 4))) + packet[at + 1 :]
            packets[number] = packets[number][:PACKET].ljust(PACKET, b"\xff")
    return b"".join(packets)


PLAIN: Mapping[str, Mutation] = {
    "bits flipped": bits,
    "noise": noise,
    "truncated": truncated,
    "spliced": spliced,
    "repeated": repeated,
    "odd number": number_anywhere,
}
PACKETS: Mapping[str, Mutation] = {
    "packets disordered": packets_disordered,
    "packet times": packet_times,
    "stream tables": tables,
}
GRAMMARS: Mapping[str, Callable[[], Grammar]] = {
    "mp4": Boxes,
    "mkv": Elements,
    "avi": Riff,
    "png": Chunks,
    "jpeg": Segments,
}
"""Container -> how it is taken apart."""
WORDS = {
    "size_lie": "size lies",
    "lost": "part missing",
    "moved": "part moved",
    "retagged": "part renamed",
    "copies": "many copies",
    "nested": "deep nesting",
    "number": "header number",
    "numbers": "table numbers",
    "payload": "payload cut",
}


def _in_tree(kind: str, grammar: Grammar, rng: Random, content: bytes, others: Sequence[bytes]) -> bytes:
    return Damage(grammar, rng, others).done(content, kind, rng.choice((1, 1, 2, 4)))


def mutations_of(container: str) -> dict[str, Mutation]:
    """What can be done to files of a container, by kind."""
    kinds = dict(PLAIN)
    if container in GRAMMARS:
        grammar = GRAMMARS[container]()
        kinds |= {WORDS[kind]: partial(_in_tree, kind, grammar) for kind in TREE_KINDS}
    return kinds | PACKETS if container == "ts" else kinds


def mutated(seeds: Sequence[Seed], seed: str, number: int) -> Case:
    """The case that the seed and the count stand for; always the same for the same seeds."""
    rng = Random(f"{seed}:{number}")  # noqa: S311 - nothing secret
    # Containers in turn, so that the many odd MP4 files do not crowd out the others.
    containers = sorted({one.container for one in seeds})
    container = containers[number % len(containers)] if rng.random() < 0.5 else rng.choice(seeds).container
    chosen = rng.choice([one for one in seeds if one.container == container])
    possible = mutations_of(container)
    kinds = rng.sample(sorted(possible), 2 if rng.random() < 0.2 else 1)
    content = chosen.content
    for kind in kinds:
        content = possible[kind](rng, content or b"\0", [one.content for one in seeds])
    return Case(f"{seed}-{number:05}{chosen.suffix}", kinds[0], container, content[:MOST_BYTES])
