"""Where the processor time of a run went, as a table; what no step counts is a row of its own."""

from collections.abc import Iterator, Mapping
from typing import Any

from scripts.profiling.spans import Spans
from scripts.profiling.taps import DECODE, DETECT, FINISH, HAND, KEEP, MODEL, PREPARE, PROBE, SCALE

COLUMNS = ("scaling", "preparing", "models", "before and after models")
REST = "the interpreter between steps, and threads of libraries"
TOGETHER = "putting together"
OTHERS = {DECODE: "decoding", PROBE: "probing", HAND: "handing over", KEEP: "packing what was found"}


def profile(spans: Spans, cpu_s: float, wall_s: float, cores: int) -> dict[str, Any]:
    """Seconds of processor time by stage and kind, by model, and of all else.

    Args:
        spans: What was counted.
        cpu_s: Processor seconds of the process meanwhile.
        wall_s: Wall seconds.
        cores: That the process may use.
    """
    stages: dict[str, dict[str, float]] = {}
    models: dict[str, float] = {}
    others = dict.fromkeys(OTHERS.values(), 0.0)
    for (stage, kind), seconds in spans.spent.items():
        if kind in OTHERS:
            others[OTHERS[kind]] += seconds
        elif kind.startswith(FINISH):
            others[f"{TOGETHER} {kind.removeprefix(FINISH)}"] = seconds
        else:
            of = stages.setdefault(stage, dict.fromkeys(COLUMNS, 0.0))
            of[_column(kind)] += seconds
            if kind.startswith(MODEL):
                models[kind.removeprefix(MODEL)] = models.get(kind.removeprefix(MODEL), 0.0) + seconds
    others[REST] = cpu_s - spans.total_s
    return {
        "cpu_s": cpu_s,
        "wall_s": wall_s,
        "cores": cores,
        "idle_s": cores * wall_s - cpu_s,
        "stages": dict(sorted(stages.items(), key=lambda entry: -sum(entry[1].values()))),
        "models": dict(sorted(models.items(), key=lambda entry: -entry[1])),
        "others": others,
    }


def _column(kind: str) -> str:
    known = {SCALE: COLUMNS[0], PREPARE: COLUMNS[1], DETECT: COLUMNS[3]}
    return COLUMNS[2] if kind.startswith(MODEL) else known[kind]


def accounted_s(found: Mapping[str, Any]) -> float:
    """The sum of all rows."""
    return sum(map(_sum, found["stages"].values())) + sum(found["others"].values())


def _sum(of: Mapping[str, float]) -> float:
    return sum(of.values())


def together(others: Mapping[str, float]) -> dict[str, float]:
    """The other rows, with one for the answers of all analyses."""
    answers = {name: seconds for name, seconds in others.items() if name.startswith(TOGETHER)}
    rest = {name: seconds for name, seconds in others.items() if name not in answers}
    return rest | {f"{TOGETHER} the answers": _sum(answers)}


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """The tables in Markdown: percent of the processor time."""
    whole = found["cpu_s"]

    def share(seconds: float) -> str:
        return f"{100 * seconds / whole:.1f}" if seconds else ""

    yield f"| % of the processor time | {' | '.join(COLUMNS)} | all |"
    yield f"|---|{'---|' * (len(COLUMNS) + 1)}"
    for stage, of in found["stages"].items():
        yield f"| {stage} | {' | '.join(share(of[column]) for column in COLUMNS)} | {share(_sum(of))} |"
    for name, seconds in sorted(together(found["others"]).items(), key=lambda entry: -entry[1]):
        yield f"| {name} |{' |' * len(COLUMNS)} {share(seconds)} |"
    sums = [share(sum(of[column] for of in found["stages"].values())) for column in COLUMNS]
    yield f"| all | {' | '.join(sums)} | {share(accounted_s(found))} |"
    yield ""
    yield "Models: " + ", ".join(f"{name} {share(seconds)} %" for name, seconds in found["models"].items()) + "."
    yield ""
    busy = found["cpu_s"] / found["wall_s"]
    yield (
        f"{found['video']}, {found['length_s']:.1f} s of {found['size']}: {whole:.2f} s of processor time in {found['wall_s']:.2f} s, "
        f"{busy:.2f} of {found['cores']} cores busy; load {found['load']:.1f}."
    )
