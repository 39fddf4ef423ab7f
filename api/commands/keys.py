"""`reelsight keys`: access keys of accounts."""

import json
from contextlib import closing
from pathlib import Path

import click
from sqlalchemy import Engine

from pipeline.commandline import connect, data_dir_option
from pipeline.errors import SetupError
from pipeline.notify.keyring import Keyring, certificate_path
from pipeline.secrets import begin_new_key, forget_previous_keys, secret_keys
from pipeline.settings import Settings, settings_of
from pipeline.store.machines import joined
from pipeline.store.metadata import utcnow
from pipeline.store.reencryption import Standing, reencrypt, standing


@click.group()
def keys() -> None:
    """Creates, lists and revokes access keys; replaces the installation's own."""


@keys.command()
@click.option("--account", required=True, help="12 digits.")
@data_dir_option
def create(data_dir: Path | None, account: str) -> None:
    """Prints a new access key; its secret is shown this once."""
    key = connect(settings_of(data_dir)).keys.create(account)
    click.echo(json.dumps({"AccessKeyId": key.id, "SecretAccessKey": key.secret, "AccountId": key.account}))


@keys.command(name="list")
@data_dir_option
def list_keys(data_dir: Path | None) -> None:
    """Prints one JSON object per key, without secrets."""
    for key in connect(settings_of(data_dir)).keys.list():
        facts = {"AccessKeyId": key.id, "AccountId": key.account, "CreateDate": key.created_at.isoformat()}
        click.echo(json.dumps(facts))


@keys.command()
@click.argument("access_key_id")
@data_dir_option
def revoke(data_dir: Path | None, access_key_id: str) -> None:
    """Makes a key useless at once."""
    if not connect(settings_of(data_dir)).keys.revoke(access_key_id):
        raise SetupError(f"There is no access key {access_key_id}.")
    click.echo(f"{access_key_id} is revoked.")


@keys.command(name="rotate-secret")
@click.option("--forget-previous", is_flag=True, help="Accept the present key only from now on.")
@click.option("--force", is_flag=True, help="Although machines have joined, which must then join again.")
@data_dir_option
def rotate_secret(data_dir: Path | None, forget_previous: bool, force: bool) -> None:
    """Puts everything under the present secret key, first making one where `secret.key` holds it; can be repeated."""
    settings = settings_of(data_dir)
    accepted = secret_keys(settings)
    with closing(connect(settings)) as services:
        before = standing(services.engine, accepted)
        if before.unreadable:
            raise SetupError(
                f"{len(before.unreadable)} keys can be read with no secret key that is accepted, add theirs to "
                f"REELSIGHT_PREVIOUS_SECRET_KEYS: {', '.join(before.unreadable[:5])}"
            )
        if forget_previous:
            _forget_previous(settings, before)
            return
        if settings.secret_key is None and not before.previous:
            _check_machines(services.engine, force)
            begin_new_key(settings)
        done = reencrypt(services.engine, accepted)
    click.echo(
        f"{done} keys were put under the present secret key. Those before are accepted until they are taken away."
    )


def _check_machines(engine: Engine, force: bool) -> None:
    """Machines keep the key that they were told when they joined, and see nothing of a change of `secret.key`."""
    names = ", ".join(machine.name for machine in joined(engine))
    if not names:
        return
    again = "a code of `reelsight machines invite` for each, and on it `reelsight join URL --code … --again`"
    if not force:
        raise SetupError(
            f"machines have joined that know the present secret key only: {names}. They cannot read what is under a new one, and "
            f"those of the queue notify cannot deliver. Run this with --force, then let them join again: {again}. "
            "Take those that are gone off the list: `reelsight machines forget ID`."
        )
    click.echo(f"Now let these machines join again, they know the old key only: {names}. That takes {again}.", err=True)


def _forget_previous(settings: Settings, before: Standing) -> None:
    if before.previous:
        raise SetupError(
            f"{len(before.previous)} keys are not under the present one yet; run this without --forget-previous"
        )
    if settings.secret_key is not None or settings.previous_secret_keys is not None:
        raise SetupError("take the old keys out of REELSIGHT_PREVIOUS_SECRET_KEYS, and restart what had it")
    forget_previous_keys(settings)
    click.echo("Only the present secret key is accepted now.")


@keys.command(name="rotate-signing")
@data_dir_option
def rotate_signing(data_dir: Path | None) -> None:
    """Has a new key sign notifications from now on; certificates of old keys stay published."""
    settings = settings_of(data_dir)
    with closing(connect(settings)) as services:
        key_id = Keyring(services.engine, settings).rotate(utcnow())
    click.echo(json.dumps({"Certificate": f"{settings.https_url}{certificate_path(key_id)}"}))
