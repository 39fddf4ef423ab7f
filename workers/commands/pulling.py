"""Models for commands that compute without a service: what is missing is pulled first."""

from collections.abc import Iterable

import click

from pipeline import logs
from pipeline.detect.embeddings import MODELS
from pipeline.models.library import Library
from pipeline.models.threads import cores
from pipeline.settings import Settings


def pulled(models: Library, needed: Iterable[str]) -> Library:
    """The library, with these models in it."""
    missing = {row.name for row in models.status() if row.condition == "missing"} & set(needed)
    if missing:
        click.echo(f"Pulling {', '.join(sorted(missing))} (once)")
        models.pull(sorted(missing))
    return models


def face_models(settings: Settings) -> Library:
    """The networks that find and embed faces, on all granted cores; of what happens only warnings are logged from now on."""
    logs.configure("WARNING", "console")
    return pulled(Library.from_settings(settings, settings.threads or cores()), MODELS)
