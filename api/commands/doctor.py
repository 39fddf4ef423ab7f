"""`reelsight doctor`: says what is missing and how to mend it."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from sqlalchemy import text

from api.serve import broker
from pipeline.commandline import connect, data_dir_option
from pipeline.devices import require_devices
from pipeline.errors import ReelsightError
from pipeline.models.library import Library
from pipeline.queue import CeleryQueue, make_app
from pipeline.roll_call import register_of, roll_call
from pipeline.settings import Settings, settings_of

Check = Callable[[Settings], str]
LEAST_FREE_BYTES = 2 * 1024**3


class AilmentError(Exception):
    """What is wrong; the text says how to mend it."""


@click.command()
@data_dir_option
def doctor(data_dir: Path | None) -> None:
    """Checks the installation; ends with status 1 if something must be mended."""
    settings = settings_of(data_dir)
    ill = False
    for name, check in CHECKS.items():
        try:
            click.echo(f"ok    {name}: {check(settings)}")
        except (AilmentError, ReelsightError, OSError) as error:
            ill = True
            click.echo(f"MEND  {name}: {error}")
        except Exception as error:
            ill = True
            click.echo(f"MEND  {name}: {type(error).__name__}: {error}")
    sys.exit(1 if ill else 0)


def python(_: Settings) -> str:
    """The interpreter's version."""
    return sys.version.split()[0]


def data_folder(settings: Settings) -> str:
    """That the data directory is writable and has room."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    probe = settings.data_dir / ".doctor"
    probe.touch()
    probe.unlink()
    free = shutil.disk_usage(settings.data_dir).free
    if free < LEAST_FREE_BYTES:
        raise AilmentError(
            f"{settings.data_dir} has only {free / 1e9:.1f} GB free; make room or set REELSIGHT_DATA_DIR."
        )
    return f"{settings.data_dir}, {free / 1e9:.0f} GB free"


def redis(settings: Settings) -> str:
    """That a broker can be reached or started."""
    if settings.broker_url is None and not settings.redis_socket.exists():
        return f"`reelsight serve` will start {broker.find_server(settings)}"
    try:
        CeleryQueue(make_app(settings)).ping()
    except Exception as error:
        raise AilmentError(f"the broker does not answer ({error}); start it, or set REELSIGHT_BROKER_URL.") from error
    return "the broker answers"


def workers(settings: Settings) -> str:
    """That every queue has a worker that takes what comes; nothing where no service runs."""
    if settings.broker_url is None and not settings.redis_socket.exists():
        return "`reelsight serve` will start them"
    roll = roll_call(register_of(settings), settings)
    missing = [name for name, number in roll.queues().items() if not number]
    silent = [f"{sign.facts.worker} is silent: {reason}" for sign, reason in roll.silent]
    versions = {sign.facts.version for sign in roll.living}
    if missing:
        told = "; ".join([f"nobody takes what comes to {', '.join(missing)}", *silent])
        raise AilmentError(f"{told}. Start workers with `reelsight worker -Q {','.join(missing)}`.")
    if len(versions) > 1:
        raise AilmentError(f"workers of different versions run: {', '.join(sorted(versions))}; upgrade all.")
    oldest = max(sign.ages_s.get("beat", 0.0) for sign in roll.living)
    return "; ".join([f"{len(roll.living)} live, the oldest sign is {oldest:.0f} s old", *silent])


def database(settings: Settings) -> str:
    """That the database answers and has the present schema."""
    services = connect(settings)
    with services.engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    return services.engine.dialect.name


def devices(settings: Settings) -> str:
    """That models run, and videos can be decoded, where the settings say."""
    require_devices(settings)
    return f"models run on {settings.device}, videos are decoded on {settings.decode_device}"


def weights(settings: Settings) -> str:
    """That every default model is pulled and sound."""
    library = Library.from_settings(settings)
    return _sound(list(_faults(library)), len([row for row in library.status() if row.default]))


def _faults(library: Library) -> Iterator[str]:
    defaults = [row for row in library.status() if row.default]
    yield from (row.name for row in defaults if row.condition == "missing")
    present = [row.name for row in defaults if row.condition != "missing"]
    if present:
        yield from (name for name, fault in library.verify(present).items() if fault)


def _sound(faults: list[str], total: int) -> str:
    if faults:
        raise AilmentError(f"missing or damaged: {', '.join(faults)}; run `reelsight models pull`.")
    return f"{total} default models are sound"


def access_keys(settings: Settings) -> str:
    """That somebody can sign requests."""
    active = connect(settings).keys.list()
    if not active:
        raise AilmentError(
            "no access key is active; `reelsight serve` makes the first, or run `reelsight keys create`."
        )
    return f"{len(active)} active"


def addresses(settings: Settings) -> str:
    """That the links in notifications lead to this installation."""
    wildcard = settings.host in {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound
    if wildcard and not (settings.public_url and settings.public_https_url):
        raise AilmentError(
            f"listening on {settings.host} names no address that receivers of notifications could call; "
            "set REELSIGHT_PUBLIC_URL and REELSIGHT_PUBLIC_HTTPS_URL."
        )
    return f"{settings.http_url} and {settings.https_url}"


CHECKS: dict[str, Check] = {
    "python": python,
    "data directory": data_folder,
    "broker": redis,
    "workers": workers,
    "database": database,
    "models": weights,
    "devices": devices,
    "access keys": access_keys,
    "addresses": addresses,
}
