"""Everything that is compared, measured by turns: each phase in a process of its own, in every second round in the opposite order."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.analyses.types import Parameters
from pipeline.catalog import OPERATIONS
from pipeline.media.probe import probe
from pipeline.models.library import Library
from pipeline.models.threads import cores
from scripts import pulled
from scripts.bench_peers import naive, ours, roster
from scripts.bench_peers.pictures import READERS
from scripts.bench_peers.report import Runs, every, on_every_frame, report

UNUSUAL = frozenset({"pyav"})
"""Contenders that must be asked for: of the two scripts one is enough."""
ALL: Mapping[str, Parameters] = {name: operation.minimal for name, operation in OPERATIONS.items()}
Figures = dict[str, Any]
Alone = Callable[..., Figures]
"""Calls a function with these arguments in a process of its own."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a round.

    Attributes:
        contender: Whom it belongs to.
        part: Which part of that.
        function: What is called, alone.
        arguments: Its arguments.
        foretold_by: The part that says what this one would take, if it is shown every frame; empty otherwise.
    """

    contender: str
    part: str
    function: Callable[..., Figures]
    arguments: tuple[Any, ...]
    foretold_by: str = ""

    def is_dear(self, runs: Runs, most_s: float) -> bool:
        """Whether it would take longer than that, going by the first round at our step, so that all rounds decide alike."""
        return (
            bool(self.foretold_by) and on_every_frame(runs.of(self.contender, self.foretold_by)[0])["wall_s"] > most_s
        )


def contenders() -> list[str]:
    """Whom one can be compared with."""
    return [*READERS, *roster.PEERS]


def compared(video: Path, only: Sequence[str], repeat: int, most_s: float, alone: Alone) -> Figures:
    """The report of `report.report`, of `repeat` rounds with some of the `contenders`.

    Args:
        video: The file.
        only: The contenders.
        repeat: How many rounds.
        most_s: Wall seconds that a package may take for every frame; what would take longer is computed.
        alone: Calls a function in a process of its own.
    """
    library = pulled.complete(ALL)
    left_out = {name: why for name in only if (why := unavailable(name, library))}
    before = os.getloadavg()[0]
    phases = planned(video, [name for name in only if name not in left_out])
    runs = measured(phases, repeat, left_out, alone, most_s)
    media, _ = probe(video)
    about = {
        "video": video.name,
        "length_s": media.duration_ms / 1000,
        "frames": media.frame_count,
        "size": f"{media.width}×{media.height}",
        "cores": cores(),
        "load": (before, os.getloadavg()[0]),
        "rounds": repeat,
    }
    return report(about, runs, left_out)


def measured(phases: Sequence[Phase], repeat: int, left_out: dict[str, str], alone: Alone, most_s: float = 0.0) -> Runs:
    """What the phases take, without those that are dear; a contender that fails is added to `left_out`, with the reason.

    Raises:
        Exception: whatever a phase of ours raised.
    """
    runs = Runs()
    for number in range(repeat):
        for phase in phases[:: -1 if number % 2 else 1]:
            if phase.contender not in left_out and not phase.is_dear(runs, most_s):
                _measure(phase, number, runs, left_out, alone)
    return runs


def unavailable(name: str, library: Library) -> str:
    """Why a contender cannot be measured here; empty: it can."""
    if name in READERS:
        return roster.unimportable(("cv2",), roster.EXTRA) if name == "opencv" else ""
    return roster.missing(roster.PEERS[name], library)


def planned(video: Path, names: Sequence[str]) -> list[Phase]:
    """The phases of a round; ours once for whatever is compared with it, packages that look at pictures twice."""
    phases, subjects = [], list(dict.fromkeys(roster.PEERS[n].subject for n in names if n in roster.PEERS))
    readers = [name for name in names if name in READERS]
    if readers:
        phases.append(Phase("ours", "all", ours.measured, (video, ALL)))
    phases += [Phase(r, name, script, (video, name, r)) for r in readers for name in ALL]
    for subject in subjects:
        operation, parameters = roster.SUBJECTS[subject]
        phases.append(Phase("ours", subject, ours.measured, (video, {operation: parameters})))
        mine = [name for name in names if name in roster.PEERS and roster.PEERS[name].subject == subject]
        phases += [Phase(name, subject, roster.cost, (video, name, False)) for name in mine]
        phases += [
            Phase(name, every(subject), roster.cost, (video, name, True), subject)
            for name in mine
            if roster.PEERS[name].makes is not None
        ]
    return phases


def script(video: Path, name: str, reader: str) -> Figures:
    """What `naive.job` measures; of what was found, the number of items."""
    figures = naive.job(video, name, ALL[name], reader, pulled.library())
    return {key: value for key, value in figures.items() if key != "found"} | {"items": len(figures["items"])}


def _measure(phase: Phase, number: int, runs: Runs, left_out: dict[str, str], alone: Alone) -> None:
    said = f"round {number + 1}: {phase.contender}, {phase.part}"
    try:
        figures = alone(phase.function, *phase.arguments)
    except Exception as error:
        if phase.contender == "ours":
            raise
        left_out[phase.contender] = f"it failed: {type(error).__name__}"  # the message may tell of this machine
        said += f": {left_out[phase.contender]}: {error}"
        runs.drop(phase.contender)
    else:
        runs.add(phase.contender, phase.part, figures)
        said += f": wall {figures['wall_s']:.2f} s, CPU {figures['cpu_s']:.2f} s"
    print(said, file=sys.stderr, flush=True)
