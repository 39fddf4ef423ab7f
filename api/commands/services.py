"""The services of an installation, for commands that work beside a running server."""

from pipeline import logs
from pipeline.queue import CeleryQueue, make_app
from pipeline.services import Services
from pipeline.settings import Settings


def connect(settings: Settings) -> Services:
    """Services of the installation that `settings` select; logs only warnings."""
    logs.configure("WARNING", "console")
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    services = Services.from_settings(settings, CeleryQueue(make_app(settings)))
    services.prepare()
    return services
