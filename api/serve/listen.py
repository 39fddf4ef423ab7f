"""The http and https listeners of one api process."""

import asyncio
import contextlib
import signal
import socket
from typing import Any

import uvicorn

from api.app import build_app
from api.serve.connection import PromptProtocol
from pipeline import logs
from pipeline.notify.certificates import server_certificate
from pipeline.queue import CeleryQueue, make_app
from pipeline.services import Services
from pipeline.settings import Settings

DRAIN_S = 5
"""Beyond the longest operation: how long a stopped api lets requests under way go on."""


def listen(host: str, port: int) -> socket.socket:
    """A bound, inheritable socket; port 0 takes any free one.

    Raises:
        OSError: the address is in use or not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(1024)
    listener.set_inheritable(True)
    return listener


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to us: two run in one loop."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield


def serve(settings: Settings, fds: tuple[int, ...] | None) -> None:
    """Serves until SIGTERM or SIGINT, letting requests under way finish."""
    logs.configure(settings.log_level, settings.log_format)
    sockets = (
        [socket.socket(fileno=fd) for fd in fds]
        if fds
        else [listen(settings.host, settings.port), listen(settings.host, settings.tls_port)]
    )
    services = Services.from_settings(settings, CeleryQueue(make_app(settings)))
    services.prepare()
    app = build_app(services)
    certificate = server_certificate(settings)
    common: dict[str, Any] = {
        "http": PromptProtocol,
        "ws": "none",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": settings.image_timeout_s + DRAIN_S,
        "lifespan": "off",
    }
    plain = _Server(uvicorn.Config(app, **common))
    secure = _Server(
        uvicorn.Config(app, ssl_certfile=str(certificate.cert_file), ssl_keyfile=str(certificate.key_file), **common)
    )
    asyncio.run(_both((plain, secure), sockets))


async def _both(servers: tuple[_Server, _Server], sockets: list[socket.socket]) -> None:
    def leave() -> None:
        for server in servers:
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, leave)
    await asyncio.gather(*(server.serve(sockets=[s]) for server, s in zip(servers, sockets, strict=True)))
