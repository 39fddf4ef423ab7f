"""Models for commands that compute without a service: what is missing is pulled first."""

from collections.abc import Iterable

import click

from pipeline.models.library import Library


def pulled(models: Library, needed: Iterable[str]) -> Library:
    """The library, with these models in it."""
    missing = {row.name for row in models.status() if row.condition == "missing"} & set(needed)
    if missing:
        click.echo(f"Pulling {', '.join(sorted(missing))} (once)")
        models.pull(sorted(missing))
    return models
