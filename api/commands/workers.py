"""`reelsight workers` and `reelsight alive`: which workers live, for people and for health checks."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from redis.exceptions import RedisError

from pipeline import queue
from pipeline.commandline import data_dir_option
from pipeline.liveness import Sign
from pipeline.roll_call import Roll, register_of, roll_call
from pipeline.settings import Settings, settings_of


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object per worker.")
@data_dir_option
def workers(data_dir: Path | None, as_json: bool) -> None:
    """Lists the workers of the installation and the last signs of life they gave."""
    roll = _roll(settings_of(data_dir))
    if roll is None:
        raise click.ClickException("The broker cannot be reached, and with it nothing is known of the workers.")
    reasons = {sign.process: reason for sign, reason in roll.silent}
    for sign in (*roll.living, *(sign for sign, _ in roll.silent)):
        click.echo(_json(sign, reasons.get(sign.process)) if as_json else _line(sign, reasons.get(sign.process)))
    for name, number in roll.queues().items():
        if not number and not as_json:
            click.echo(f"nobody   {name}: start one with `reelsight worker -Q {name}`")


@click.command()
@click.argument("queues", nargs=-1, metavar="[QUEUE]...")
@click.option("--here", is_flag=True, help="Only workers of this machine or container count.")
@data_dir_option
def alive(data_dir: Path | None, queues: Sequence[str], here: bool) -> None:
    """Ends with status 0 if each QUEUE [default: all that workers here were started for] has a worker that takes what comes.

    For health checks. Nobody is called dead because the broker is away: then nothing can be told, and the status is 0.
    """
    if unknown := set(queues) - set(queue.QUEUES):
        raise click.BadParameter(f"unknown queue {', '.join(sorted(unknown))}; choose from {', '.join(queue.QUEUES)}")
    roll = _roll(settings_of(data_dir))
    if roll is None:
        click.echo("unknown: the broker cannot be reached")
        return
    missing, silent = _missing(roll, queues, here), [(s, why) for s, why in roll.silent if not here or _is_here(s)]
    for sign, reason in silent:
        click.echo(f"silent: {sign.facts.worker} ({sign.process}): {reason}")
    for name in missing:
        click.echo(f"nobody takes what comes to the queue {name}")
    sys.exit(1 if missing or (here and silent) else 0)


def _missing(roll: Roll, queues: Sequence[str], here: bool) -> list[str]:
    living = [sign for sign in roll.living if not here or _is_here(sign)]
    listened = {name for sign in living for name in sign.facts.queues}
    if not queues:
        return [] if living else ["of any kind"]
    return [name for name in queues if name not in listened]


def _is_here(sign: Sign) -> bool:
    return sign.process.rpartition(":")[0] == os.uname().nodename


def _roll(settings: Settings) -> Roll | None:
    """None: the broker is away."""
    try:
        return roll_call(register_of(settings), settings)
    except RedisError:
        return None


def _line(sign: Sign, reason: str | None) -> str:
    facts, beat = sign.facts, sign.ages_s.get("beat", 0.0)
    state = "living" if reason is None else "SILENT"
    tasks = f"{facts.busy} of {facts.slots} tasks, {facts.pool}"
    told = f"{state}   {facts.worker} ({sign.process}): {','.join(facts.queues)}; {tasks}; {beat:.0f} s ago; version {facts.version}"
    return told if reason is None else f"{told}; {reason}"


def _json(sign: Sign, reason: str | None) -> str:
    facts = {name: getattr(sign.facts, name) for name in sign.facts.__slots__}
    ages = {f"{event}_age_s": round(age, 3) for event, age in sign.ages_s.items()}
    return json.dumps({"process": sign.process, **facts, **ages, "silent": reason})
