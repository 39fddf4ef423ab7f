"""`reelsight keys`: access keys of accounts."""

import json
from pathlib import Path

import click

from pipeline.commandline import connect, data_dir_option
from pipeline.errors import SetupError
from pipeline.settings import settings_of


@click.group()
def keys() -> None:
    """Creates, lists and revokes access keys."""


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
