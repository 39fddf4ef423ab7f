"""The models that scripts work with: those of this checkout, pulled where they are missing."""

from collections.abc import Iterable

from pipeline import analyses
from pipeline.models.library import Library
from pipeline.models.threads import cores
from pipeline.settings import Settings
from scripts.in_venv import ROOT


def settings() -> Settings:
    """Settings whose models are what REELSIGHT_MODELS_DIR names, else what `scripts/quickstart` pulled, else the user's."""
    given, here = Settings(), ROOT / "data" / "models"
    if given.models_dir is None and here.is_dir():
        return given.model_copy(update={"models_dir": here})
    return given


def library(threads: int | None = None) -> Library:
    """The models of `settings`; each run uses so many threads, by default all granted cores."""
    given = settings()
    return Library.from_settings(given, threads or given.threads or cores())


def defaults() -> Library:
    """The library, with all default models in it."""
    models = library()
    models.pull()
    return models


def complete(operations: Iterable[str]) -> Library:
    """The library, with the models of these operations in it."""
    models = library()
    models.pull(sorted({name for operation in operations for name in analyses.load(operation).models()}))
    return models
