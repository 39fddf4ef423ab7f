"""The Celery application that Flower shows, and how Flower is set up: nobody sees a page without the password.

What is secret reaches Flower through the settings or the password file: never through arguments, which every user of a machine can read.
"""

import os
import pickle
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flower.app
import flower.events
import flower.urls
from flower.options import options
from flower.views import BaseHandler
from flower.views.monitor import Metrics
from tornado.web import HTTPError, authenticated

from pipeline.errors import SetupError
from pipeline.queue import make_app
from pipeline.settings import Settings

KEPT_TASKS = 10_000
"""Tasks in the history; all of them are written each time it is saved."""
SAVE_S = 5
"""How much of the history a killed process loses."""
WORKER_DAYS_S = 24 * 3600
"""Workers that ended so long ago leave the figures."""
FORBIDDEN = frozenset(",\n\r")
"""Flower reads a list of users; Authorization headers carry one line."""

settings = Settings()
app = make_app(settings)


class GuardedMetrics(Metrics):  # type: ignore[misc]
    """Flower's own figures; unguarded, they would tell anybody the names of machines and tasks."""

    @authenticated
    async def get(self) -> None:
        """Prometheus' text format."""
        await super().get()


class KeptEvents(flower.events.Events):  # type: ignore[misc]
    """The history in one file that is replaced as a whole: where Python has no gdbm a shelf is three files, and a kill can come between."""

    def load_state(self) -> Any:
        """The history as it was saved last; None: there is none, or none that this version can read."""
        history = Path(self.db)
        try:
            return pickle.loads(history.read_bytes())  # noqa: S301 - our own file, which only we may write
        except FileNotFoundError:
            return None
        except Exception as error:
            flower.events.logger.warning("The history in %s cannot be read and is put aside: %s", history, error)
            history.replace(history.with_suffix(".unreadable"))
            return None

    def save_state(self) -> None:
        """Writes the history."""
        write_private(Path(self.db), pickle.dumps(self.state))


def password() -> str:
    """What opens Flower: the setting, else what is in `flower.password` of the data directory, made on first use.

    Raises:
        SetupError: it is empty, or has characters that no browser can send.
    """
    if settings.flower_password is not None:
        return _checked(settings.flower_password.get_secret_value(), "REELSIGHT_FLOWER_PASSWORD")
    path = settings.flower_password_path
    if not path.exists():
        write_private(path, f"{secrets.token_urlsafe(24)}\n".encode())
    return _checked(path.read_text("ascii").strip(), str(path))


def _checked(found: str, source: str) -> str:
    if not found.isascii() or not found or FORBIDDEN & set(found):
        raise SetupError(f"{source} must hold a password of ASCII characters without commas and line breaks")
    return found


def write_private(path: Path, content: bytes) -> None:
    """Puts a file that only this user can read in place of any that is there, all of it at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}")
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    Path(name).replace(path)


def set_up() -> None:
    """Flower's options; its own variables (`FLOWER_…`) come after and win."""
    options.basic_auth = [f"{settings.flower_user}:{password()}"]
    options.persistent = True
    options.db = str(settings.data_dir / "flower.history")
    options.state_save_interval = SAVE_S * 1000
    options.max_tasks = KEPT_TASKS
    options.purge_offline_workers = WORKER_DAYS_S
    options.tasks_columns = "name,result,state,received,runtime,worker"
    BaseHandler.get_current_user = _refuse_what_cannot_be_compared(BaseHandler.get_current_user)
    guarded = [("/metrics", GuardedMetrics) if _path(handler) == "/metrics" else handler for handler in _handlers()]
    _handlers()[:] = guarded
    flower.app.Events = KeptEvents


def _refuse_what_cannot_be_compared(check: Callable[[Any], object]) -> Callable[[Any], object]:
    """Flower 2.2 breaks on credentials beyond ASCII, and shows its traceback to whoever sent them."""

    def checked(handler: Any) -> object:
        try:
            return check(handler)
        except TypeError:
            raise HTTPError(401) from None

    return checked


def _handlers() -> list[Any]:
    handlers: list[Any] = flower.urls.handlers
    return handlers


def _path(handler: Any) -> object:
    return handler[0] if isinstance(handler, tuple) else None


set_up()
