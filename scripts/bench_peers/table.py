"""The report of a comparison for people."""

from collections.abc import Iterator, Mapping
from typing import Any

from scripts.bench_peers import roster
from scripts.bench_peers.report import DECODE_GOAL

MOST_STAGES = 6


def lines(report: Mapping[str, Any]) -> list[str]:
    """The report; ratios are theirs divided by ours, so that more than 1 means that ours is faster."""
    before, after = report["load"]
    head = (
        f"{report['video']}: {report['length_s']:.1f} s of {report['size']}, {report['frames']} frames, on {report['cores']} cores, "
        f"load {before:.1f} to {after:.1f}, rounds by turns: {report['rounds']}"
    )
    parts = [_scripts(report["script"]), _packages(report["packages"]), _stages(report["ours"])]
    out = [f"  {name}: {why}" for name, why in report["left_out"].items()]
    return [head, *(line for part in parts for line in part), *(["Left out", *out] if out else [])]


def _scripts(scripts: Mapping[str, Any]) -> Iterator[str]:
    for name, it in scripts.items():
        yield f"All eight analyses against a script with {name}, the same models frame by frame, one job each, summed"
        yield _ratios("  ours", it) + f"  goal {_met(it['wall_ratio'], it['cpu_ratio'], it['goal'])}"
        yield (
            f"  frames decoded: {it['frames']:.0f} by the jobs, {it['ours_frames']:.0f} by ours: "
            f"{it['decode_ratio']:.2f} times, goal {_met(it['decode_ratio'], it['decode_ratio'], DECODE_GOAL)}"
        )
        for analysis, job in it["jobs"].items():
            yield (
                f"    {analysis:12} wall {job['wall_s']:7.2f} s  CPU {job['cpu_s']:7.2f} s: decode {job['decode_s']:.2f}, "
                f"resize {job['prepare_s']:.2f}, detect {job['detect_s']:.2f} s of wall"
            )
        told = ", ".join(f"{part} {mine} and {theirs}" for part, (mine, theirs) in it["items"].items())
        yield f"    items found by ours and by the jobs: {told}"


def _packages(packages: Mapping[str, Any]) -> Iterator[str]:
    if packages:
        yield "One analysis against a package"
    for peer, it in packages.items():
        yield f"  {it['subject']}: {it['title']}; its documentation shows it {it['shows']}"
        for name, way in it["ways"].items():
            looks = f"{way['looks']:.0f} of {it['frames']:.0f}{'' if way['is_measured'] else ', computed'}"
            goal = f"  goal {_met(way['wall_ratio'], way['cpu_ratio'], it['goal'])}" if name == it["counts"] else ""
            yield _ratios(f"    {name} ({looks}): ours", way) + goal
        row, mine, theirs = roster.scored(peer)
        yield f"    {row}: {mine} | {theirs}" if row else "    accuracy: not scored"


def _stages(ours: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    if ours:
        yield "Where ours spends its time, the dearest stages of each run"
    for part, stages in ours.items():
        told = [f"{key} {seconds:.2f}" for key, seconds in list(stages.items())[:MOST_STAGES]]
        yield f"  {part}: {', '.join(told)} s"


def _ratios(who: str, it: Mapping[str, float]) -> str:
    return (
        f"{who} wall {it['ours_wall_s']:.2f} s, CPU {it['ours_cpu_s']:.2f} s; theirs {it['wall_s']:.2f} s, {it['cpu_s']:.2f} s; "
        f"ratio of wall {it['wall_ratio']:.2f}, of CPU {it['cpu_ratio']:.2f}"
    )


def _met(wall: float, cpu: float, goal: float) -> str:
    """The goal, and by which of the ratios it is met."""
    met = {(True, True): "met", (True, False): "met by wall time", (False, True): "met by CPU time"}
    return f"{goal:g}: {met.get((wall >= goal, cpu >= goal), 'missed')}"
