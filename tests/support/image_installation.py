"""An installation with its Redis whose operations on images are answered, each in a thread that stands for a worker's process."""

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.images.answer import answer
from pipeline.models.library import Library
from tests.support.redis_server import redis_server
from tests.support.sns_installation import Installation, installed


@contextmanager
def answering(models: Library | None = None, **settings: Any) -> Iterator[Installation]:
    """The installation; without `models` it answers what needs none."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        library = models or Library(folder / "none")
        with redis_server(folder) as redis, installed(folder, broker_url=redis.unix, **settings) as one:
            one.wake_ups.answer_image = lambda letter: threading.Thread(
                target=answer, args=(one.services, library, letter)
            ).start()
            yield one
