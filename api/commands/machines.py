"""`reelsight machines`: invites machines into an installation and lists them."""

import json
import socket
import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from pipeline import queue
from pipeline.commandline import connect, data_dir_option
from pipeline.errors import SetupError
from pipeline.liveness import Register, Sign
from pipeline.machines.asking import fingerprint
from pipeline.machines.shared import check_reachable
from pipeline.notify.certificates import server_certificate
from pipeline.redis_client import redis_of
from pipeline.settings import Settings, settings_of
from pipeline.store import machines as joined_machines
from pipeline.store.machines import Machine

MOST = timedelta(days=1)
REACH_S = 5.0


@click.group()
def machines() -> None:
    """Invites, lists and forgets the machines of an installation."""


@machines.command()
@click.option("--queues", default="video,images", show_default=True, help=f"Some of {','.join(queue.QUEUES)}.")
@click.option(
    "--ttl", type=click.IntRange(1, 1440), default=15, show_default=True, help="Minutes the invitation lasts."
)
@click.option(
    "--reach",
    metavar="HOST",
    help="Where the machine finds database, broker and object store, if named otherwise here.",
)
@click.option("--same-host", is_flag=True, help="It is this very host: loopback addresses lead there as well.")
@data_dir_option
def invite(data_dir: Path | None, queues: str, ttl: int, reach: str | None, same_host: bool) -> None:
    """Prints the command that makes another machine one of this installation's; it works once."""
    wanted = queues.split(",")
    if unknown := set(wanted) - set(queue.QUEUES):
        raise SetupError(f"unknown queue {', '.join(sorted(unknown))}; choose from {', '.join(queue.QUEUES)}")
    settings = settings_of(data_dir)
    check_reachable(settings, reach, same_host=same_host)
    pin = _pin(settings)
    services = connect(settings)
    code = joined_machines.invite(
        services.engine, list(dict.fromkeys(wanted)), reach, min(timedelta(minutes=ttl), MOST)
    )
    services.close()
    click.echo(f"reelsight join {settings.https_url} --code {code}" + (f" --ca-sha256 {pin}" if pin else ""))


@machines.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a machine.")
@data_dir_option
def list_machines(data_dir: Path | None, as_json: bool) -> None:
    """Shows the machines that have joined, and all whose workers have given a sign of life within the last hour."""
    settings = settings_of(data_dir)
    services = connect(settings)
    with redis_of(settings, REACH_S) as client:
        rows = list(_rows(joined_machines.joined(services.engine), Register(client).signs()))
    services.close()
    for row in rows:
        click.echo(json.dumps(row) if as_json else _line(row))


@machines.command()
@click.argument("machine_id")
@data_dir_option
def forget(data_dir: Path | None, machine_id: str) -> None:
    """Takes a machine that is gone off the list; it still knows the installation's secrets."""
    services = connect(settings_of(data_dir))
    gone = joined_machines.forget(services.engine, machine_id)
    services.close()
    click.echo(f"{gone.name} is forgotten. To lock it out, change the passwords it was told and the secret key.")


def _pin(settings: Settings) -> str | None:
    """Fingerprint of the authority that vouches for the https port; None: the system's authorities do.

    Raises:
        SetupError: whoever answers there is vouched for by neither.
    """
    files = server_certificate(settings)
    parts = urlsplit(settings.https_url)
    ours = files.ca_file.read_text("ascii") if files.ca_file else None
    trusted = ssl.create_default_context(cadata=ours) if ours else ssl.create_default_context()
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 443), REACH_S) as plain:
            trusted.wrap_socket(plain, server_hostname=parts.hostname).close()
    except ssl.SSLError as error:
        if ours and _is_trusted_by_system(parts.hostname or "", parts.port or 443):
            return None
        raise SetupError(
            f"{settings.https_url} does not show a certificate of this installation ({error.reason}): run this where the data "
            "directory of the api is, and see that REELSIGHT_PUBLIC_HTTPS_URL is one of its names"
        ) from None
    except OSError as error:
        click.echo(f"Note: {settings.https_url} could not be reached from here: {error}.", err=True)
    return fingerprint(ours.encode()) if ours else None


def _is_trusted_by_system(host: str, port: int) -> bool:
    """Whether a proxy with a certificate of a public authority answers."""
    try:
        with socket.create_connection((host, port), REACH_S) as plain:
            ssl.create_default_context().wrap_socket(plain, server_hostname=host).close()
    except OSError:
        return False
    return True


def _rows(joined: list[Machine], signs: list[Sign]) -> Iterator[dict[str, Any]]:
    by_host: dict[str, list[Sign]] = {}
    for sign in signs:
        by_host.setdefault(sign.process.rpartition(":")[0], []).append(sign)
    for machine in joined:
        facts = {"MachineId": machine.id, "JoinedAt": machine.joined_at.isoformat(), "Cores": machine.cores}
        told = {"Queues": sorted(machine.queues), "Device": machine.device, "JoinedVersion": machine.version}
        yield {"Name": machine.name, **facts, **told, **_signs(by_host.get(machine.name, []))}
    for name in sorted(set(by_host) - {machine.name for machine in joined}):
        yield {"Name": name, **_signs(by_host[name])}


def _signs(signs: list[Sign]) -> dict[str, Any]:
    seen = [round(min(sign.ages_s.values(), default=0.0), 1) for sign in signs]
    workers = [
        {
            "Worker": sign.facts.worker, "Process": sign.process, "Queues": list(sign.facts.queues),
            "Slots": sign.facts.slots, "Busy": sign.facts.busy, "Version": sign.facts.version,
            "SeenS": ago,
        }
        for sign, ago in zip(signs, seen, strict=True)
    ]  # fmt: skip
    return {"Workers": workers, "SeenS": min(seen, default=None)}


def _line(row: dict[str, Any]) -> str:
    seen = "not seen for an hour" if row["SeenS"] is None else f"seen {row['SeenS']:.0f} s ago"
    slots = sum(worker["Slots"] for worker in row["Workers"])
    takes = ",".join(sorted({name for worker in row["Workers"] for name in worker["Queues"]} or row.get("Queues", [])))
    versions = ",".join(sorted({worker["Version"] for worker in row["Workers"]})) or row.get("JoinedVersion", "–")
    return (
        f"{row['Name']:24} {seen:22} {len(row['Workers'])} workers, {slots} slots  {takes:20} "
        f"{row.get('Cores', '–')!s:>4} cores  {versions}  {row.get('MachineId', '')}"
    ).rstrip()
