#!/usr/bin/env python3
"""What the service itself costs, around the analyses: requests under many clients, pages of results, wake-ups, starts, idleness.

    scripts/bench_service.py [--database-url URL] [--clients 200] [--seconds 10] [--items 1000000] [--json FILE]

Starts services of its own with `reelsight serve` on loopback (SQLite, or the empty PostgreSQL database that is given), asks with signed
requests, and stops by itself. `cpu_ms` is the processor time of the api process per answer, which other programs on the machine disturb
least; latencies are those of clients that share the cores with the service: 200 that ask again at once wait for one another, those that
ask once a second show what a request takes under that load. Answers that are not 200 are counted as refused and are in no latency.
"""

import in_venv

in_venv.enter()

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline import logs
from pipeline.models.threads import cores
from scripts.overhead import filled, pages, processes, waking
from scripts.overhead.clients import Ask, Heard, Key, load, table
from scripts.overhead.waking import Running, running

SMALL = 100
"""Items a page, of which the largest result has `--items` / 100."""
STARTS = 3
WAKES = 20
ANSWERS = ("answers", "per_s", "p50", "p95", "p99", "cpu_ms", "refused", "client_busy")
PARTS = ("cold", "writing", "load", "pages", "wakes", "idle")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database-url", help="an empty PostgreSQL database; SQLite unless given")
    parser.add_argument("--clients", type=_positive, default=200)
    parser.add_argument("--seconds", type=float, default=10.0, help="per figure under load")
    parser.add_argument("--idle", type=float, default=60.0, help="seconds of idleness")
    parser.add_argument("--items", type=_positive, default=1_000_000, help="of the largest result, at least 10,000")
    parser.add_argument("--parts", default=",".join(PARTS), help="which figures")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if unknown := set(given.parts.split(",")) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if given.items < 10_000 or given.seconds <= 0 or given.idle <= 0:
        parser.error("--items must be at least 10000, --seconds and --idle more than 0")
    logs.configure("WARNING", "console")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the service is stopped then too
    with tempfile.TemporaryDirectory(prefix="reelsight-bench-") as name:
        report = measured(Path(name), given)
    if given.json:
        given.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number


def measured(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """All figures that are asked for."""
    wanted = given.parts.split(",")
    report: dict[str, Any] = {"cores": cores(), "load": [round(one, 1) for one in os.getloadavg()]}
    print(f"{report['cores']} cores, load {report['load']}, {'PostgreSQL' if given.database_url else 'SQLite'}")
    environment = {**os.environ, "REELSIGHT_LOG_LEVEL": "WARNING"}
    waking.render(folder / "buckets" / waking.BUCKET / waking.CLIP)
    if "cold" in wanted:
        report["cold"] = started(folder, environment, given.database_url)
    with running(folder, environment, given.database_url) as one:
        waking.settled_cpu_s(one.supervisor)
        made = {}
        if {"writing", "load", "pages"} & set(wanted):
            made = report["writing"] = written(folder, given)
        for part, measure in (("load", loaded), ("pages", paged), ("wakes", woken), ("idle", idle)):
            if part in wanted:
                report[part] = measure(one, given, made)
    return report


def started(folder: Path, environment: Mapping[str, str], database_url: str | None) -> dict[str, Any]:
    """Starts of the service: the first, which makes everything, and later ones."""
    found = {"first": waking.cold(folder, environment, database_url)}
    for number in range(STARTS - 1):
        found[f"later {number + 1}"] = waking.cold(folder, environment, database_url)
    _show("Cold start: seconds until ready, planned, chunk taken; processor seconds until quiet", found)
    return found


def written(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Result sets of growing size, and what writing them takes."""
    found = {
        f"{items} items": filled.fill(folder, given.database_url, items) for items in (given.items // 10, given.items)
    }
    shown = {name: {key: value for key, value in row.items() if key != "job"} for name, row in found.items()}
    _show("Writing a result in two orders, in a process of its own", shown)
    return found


def loaded(one: Running, given: argparse.Namespace, made: Mapping[str, Any]) -> dict[str, Any]:
    """Start, Get of a job that runs, and Get of pages; one client, all of them without pause, all of them once a second."""
    found: dict[str, Any] = {}
    largest = max(made.values(), key=lambda row: row["items"])
    for name, asks in kinds(one.key, largest, given.clients).items():
        for way, count, pause_s in (
            ("1 client", 1, 0.0),
            ("without pause", given.clients, 0.0),
            ("once a second", given.clients, 1.0),
        ):
            seconds = given.seconds if count > 1 else given.seconds / 2
            found[f"{name}, {way}"] = asked(one, asks[:count], seconds, pause_s)
            waking.drained(one.services)
    _show(f"Requests, {given.clients} clients unless said; ms", found, ANSWERS)
    return found


def kinds(key: Key, largest: Mapping[str, Any], clients: int) -> dict[str, list[Ask]]:
    """Kind of request -> what each client asks; readers of pages begin all over the result and go on from page to page."""
    job, items = largest["job"], largest["items"]
    starts = [items * place // clients // SMALL * SMALL for place in range(clients)]
    then = pages.body(job, SMALL, "%s")
    at = pages.places(key, job, sorted(set(starts)))
    readers = [Ask(pages.GET, pages.body(job, SMALL, at[start]), then) for start in starts]
    return {"Start": [Ask(waking.START, waking.request()) for _ in range(clients)], "Get page of 100": readers}


def asked(one: Running, asks: list[Ask], seconds: float, pause_s: float) -> dict[str, Any]:
    """What clients were answered, and what the processes of the service took for it."""
    before = processes.cpu_s(one.supervisor)
    heard: Heard = load(one.key, asks, seconds, pause_s)
    took = processes.spent(before, processes.cpu_s(one.supervisor))
    figures = heard.figures()
    answers = max(1, figures["answers"])
    return {**figures, "cpu_ms": round(took["api"] * 1e3 / answers, 2), "others_cpu_s": took}


def paged(one: Running, given: argparse.Namespace, made: Mapping[str, Any]) -> dict[str, Any]:
    """Pages near the beginning and near the end of the largest result, and the api's memory meanwhile."""
    largest = max(made.values(), key=lambda row: row["items"])
    api, found = processes.pid_of(one.supervisor, "api"), {}
    processes.forget_peak(api)
    before_mb = processes.peak_mb(api)
    for size, count in ((10, 100), (SMALL, 100), (1000, 10)):
        end = given.items - size * count
        places = pages.places(one.key, largest["job"], [0, end])
        names = {f"page {offset // size + 1:,} on": token for offset, token in places.items()}
        found |= pages.depths(one.key, one.supervisor, largest["job"], size, count, names)
    memory = {"start_mb": before_mb, "peak_mb": processes.peak_mb(api)}
    _show(f"Pages of a result of {given.items:,} items, one client; ms of the api per page", found)
    print(f"memory of the api while it read them: {memory}")
    return {**found, "memory": memory}


def woken(one: Running, _: argparse.Namespace, __: Mapping[str, Any]) -> dict[str, Any]:
    """How soon work begins on an idle service."""
    found = waking.wakes(one, WAKES)
    _show(
        f"From the answer of Start: planned (beyond {one.services.settings.linger_s:g} s of lingering), then chunk taken",
        {"": found},
    )
    return found


def idle(one: Running, given: argparse.Namespace, _: Mapping[str, Any]) -> dict[str, Any]:
    """Processor seconds a minute and memory of every part while nothing is to be done."""
    waking.settled_cpu_s(one.supervisor)
    before, began = processes.cpu_s(one.supervisor), time.monotonic()
    time.sleep(given.idle)
    minutes = (time.monotonic() - began) / 60
    took = processes.spent(before, processes.cpu_s(one.supervisor))
    memory = processes.memory_mb(one.supervisor)
    found = {
        part: {"cpu_s_per_minute": round(value / minutes, 2), "memory_mb": memory.get(part)}
        for part, value in took.items()
    }
    total = {"cpu_s_per_minute": round(sum(took.values()) / minutes, 2), "memory_mb": round(sum(memory.values()), 1)}
    found["all"] = total
    _show("Idle", found)
    return found


def _show(title: str, rows: Mapping[str, Mapping[str, Any]], columns: tuple[str, ...] = ()) -> None:
    print(f"\n{title}\n")
    print(table(rows, columns or tuple(next(iter(rows.values())))), flush=True)


if __name__ == "__main__":
    main()
