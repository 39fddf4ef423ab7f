"""`reelsight models`: the weights, where they come from and whether they are sound."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click
from tqdm import tqdm

from pipeline import logs
from pipeline.commandline import data_dir_option
from pipeline.errors import ModelError
from pipeline.labels.moderation import coverage as moderation_coverage
from pipeline.labels.moderation import taxonomy
from pipeline.models.library import Library
from pipeline.settings import Settings, settings_of

Command = TypeVar("Command", bound=Callable[..., object])

licence_option = click.option(
    "--accept-licence",
    "licences",
    multiple=True,
    metavar="NAME",
    help="Licence of weights to accept beyond the permissive ones; may be repeated.",
)


@click.group()
def models() -> None:
    """Lists, pulls and verifies models."""


@models.command(name="list")
@licence_option
@data_dir_option
def list_(data_dir: Path | None, licences: tuple[str, ...]) -> None:
    """Prints the manifest and what is here of it."""
    rows = library(settings_of(data_dir), licences).status()
    width = max(len(row.name) for row in rows)
    for row in rows:
        use = "" if row.permitted else "  (licence not accepted)"
        default = "default " if row.default else "optional"
        click.echo(
            f"{row.name:{width}}  {default}  {row.condition:8}  {row.size / 1e6:6.1f} MB  {row.licence:14}  {row.task}{use}"
        )


@models.command()
@click.argument("names", nargs=-1)
@licence_option
@data_dir_option
def pull(data_dir: Path | None, names: tuple[str, ...], licences: tuple[str, ...]) -> None:
    """Fetches, checks and converts the models NAMES, by default all that the analyses need."""
    pull_models(library(settings_of(data_dir), licences), names)


@models.command()
@click.argument("names", nargs=-1)
@licence_option
@data_dir_option
def verify(data_dir: Path | None, names: tuple[str, ...], licences: tuple[str, ...]) -> None:
    """Checks every pulled model against its hash."""
    faults = library(settings_of(data_dir), licences).verify(names)
    for name, fault in faults.items():
        click.echo(f"{name}: {fault or 'sound'}")
    if any(faults.values()):
        raise ModelError("Some models are damaged; `reelsight models pull` fetches them again.")


@models.command()
def moderation() -> None:
    """Prints the categories of content moderation and by what each is seen."""
    for name, seen_by in moderation_coverage().items():
        category = taxonomy()[name]
        click.echo(f"{'  ' * (category.level - 1) + name:52}  {seen_by or 'not covered: no model here sees it'}")


def library(settings: Settings, licences: tuple[str, ...] = ()) -> Library:
    """The models of the installation; logs only warnings."""
    logs.configure("WARNING", "console")
    return Library.from_settings(settings, licences=licences)


def pull_models(models: Library, names: tuple[str, ...] = ()) -> None:
    """Pulls with a progress bar and says what came."""
    with tqdm(unit="B", unit_scale=True, leave=False, disable=None) as bar:

        def report(name: str, done: int, total: int | None) -> None:
            bar.set_description(name)
            bar.total = total
            bar.n = done
            bar.refresh()

        pulled = models.pull(names, report)
    click.echo(f"Pulled {', '.join(pulled)}." if pulled else "All models are here.")
