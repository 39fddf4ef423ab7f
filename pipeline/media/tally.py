"""What reading frames cost, in counts that do not depend on the machine."""

from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """Counts of one reader.

    Attributes:
        fed: Packets that the decoder got.
        excused: Those of them that it was told to leave out if no other picture refers to them.
        dropped: Packets that were read and not decoded.
        pictures: Pictures that came out of the decoder.
        seeks: Jumps to another place of the file.
        doubts: Times that a wanted frame did not come, or damage showed, and everything was decoded from there on.
        converted: Times that a picture was scaled or brought to another format.
    """

    fed: int = 0
    excused: int = 0
    dropped: int = 0
    pictures: int = 0
    seeks: int = 0
    doubts: int = 0
    converted: int = 0
