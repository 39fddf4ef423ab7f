"""What the first start of an installation makes: database, keys, credentials, a certificate authority."""

import configparser
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import SetupError
from pipeline.models.library import Library
from pipeline.notify.certificates import server_certificate
from pipeline.queue import CeleryQueue, make_app
from pipeline.services import Services
from pipeline.settings import Settings, environment

ACCOUNT = "000000000000"
"""Account of the first access key."""


def prepare(settings: Settings) -> Iterator[str]:
    """Makes what is missing and yields lines that tell a new user how to go on."""
    services = Services.from_settings(settings, CeleryQueue(make_app(settings)))
    services.prepare()
    settings.buckets_path.mkdir(exist_ok=True)
    server_certificate(settings)
    credentials = settings.data_dir / "credentials"
    if not credentials.exists():
        key = services.keys.create(ACCOUNT)
        _write(credentials, key.id, key.secret, settings.region)
        yield f"An access key for account {ACCOUNT} was written to {credentials}"
    yield from pull_missing(settings)
    place = shlex.quote(str(credentials))
    yield f"Use it:      export AWS_SHARED_CREDENTIALS_FILE={place} AWS_PROFILE=reelsight AWS_ENDPOINT_URL={settings.http_url}"
    if settings.s3_endpoint_url is None:
        yield f"Buckets:     {settings.buckets_path}/<Bucket>/<Name>"
    yield f"Trust for webhooks: {settings.data_dir / 'tls' / 'ca.pem'}"


def pull_missing(settings: Settings, *, required: bool = False) -> Iterator[str]:
    """Pulls the default models that are missing, in a process of its own: converting needs what the api never loads.

    Any number of processes may do so at once: each model is pulled by one of them, for which the others wait.

    Raises:
        SetupError: they are required, and some could not be pulled.
    """
    library = Library.from_settings(settings)
    missing = [row.name for row in library.status() if row.default and row.condition == "missing"]
    if not missing:
        return
    yield f"Pulling {len(missing)} models (once); `reelsight models list` shows where from"
    command = [sys.executable, "-m", "api.cli", "models", "pull", *missing]
    if not subprocess.run(command, env=environment(settings), check=False).returncode:  # noqa: S603 - our own command
        return
    if required:
        raise SetupError(
            f"of the models {', '.join(missing)} some could not be pulled, and a worker without them would fail the "
            f"jobs that need them. Run `reelsight models pull`; they belong in {settings.models_path}."
        )
    yield "Some models could not be pulled: jobs that need them will fail and say so. Try `reelsight models pull`."


def _write(path: Path, key_id: str, secret: str, region: str) -> None:
    content = configparser.ConfigParser()
    content["reelsight"] = {"aws_access_key_id": key_id, "aws_secret_access_key": secret, "region": region}
    path.touch(mode=0o600)
    with path.open("w", encoding="ascii") as file:
        content.write(file)
