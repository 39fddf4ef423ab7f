"""The notification half of an installation: real database, real http and https ports, boto3 as the user."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import boto3
import httpx
import uvicorn
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from api.app import build_app
from pipeline.notify.certificates import server_certificate
from pipeline.notify.delivery import deliver_due
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.store.keys import AccessKey
from pipeline.turns import How

ACCOUNT = "111122223333"
KEEP_ALIVE_S = 120
"""So long that no connection is closed under a client of several tests, however busy the machine is."""


@dataclass(slots=True)
class WakeUps:
    """A queue of an installation without workers: it counts what it was asked for.

    Attributes:
        deliveries: How often deliveries were asked for.
        answer_image: What answers letters on images; nothing by default.
    """

    deliveries: int = 0
    answer_image: Callable[[str], None] = lambda _: None

    def wake_plan(self, delay_s: float = 0.0) -> None:
        """See `JobQueue`."""

    def waiting_plans(self) -> int | None:
        """See `JobQueue`."""
        return None

    def wake_chunk(self) -> None:
        """See `JobQueue`."""

    def waiting_chunks(self) -> int | None:
        """See `JobQueue`."""
        return None

    def wake_finish(self) -> None:
        """See `JobQueue`."""

    def wake_image(self, letter_id: str, how: How = "turn") -> None:
        """See `JobQueue`."""
        self.answer_image(letter_id)

    def ping(self) -> None:
        """See `JobQueue`."""

    def wake_delivery(self, delay_s: float = 0.0) -> None:
        """See `JobQueue`."""
        self.deliveries += 1


@dataclass(frozen=True, slots=True)
class Installation:
    """An installation that is bound to loopback."""

    services: Services
    key: AccessKey
    ca_file: Path
    wake_ups: WakeUps

    @property
    def url(self) -> str:
        """The http endpoint."""
        return f"http://127.0.0.1:{self.services.settings.port}"

    def client(self, key: AccessKey | None = None) -> Any:
        """boto3's SNS client of the account, or of the account of another key."""
        key = key or self.key
        return boto3.client(
            "sns",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=key.id,
            aws_secret_access_key=key.secret,
            config=Config(retries={"total_max_attempts": 1}),
        )

    def post(self, form: Mapping[str, str]) -> httpx.Response:
        """The answer to a signed form, whatever it says."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        request = AWSRequest("POST", f"{self.url}/", headers, urlencode(form))
        SigV4Auth(Credentials(self.key.id, self.key.secret), "sns", "us-east-1").add_auth(request)
        return httpx.post(f"{self.url}/", content=request.body, headers=dict(request.headers))

    def deliver(self) -> int:
        """What a woken worker does."""
        return deliver_due(self.services)


@contextmanager
def installed(folder: Path, **changes: Any) -> Iterator[Installation]:
    """An installation with its data in `folder`; `changes` are settings."""
    with ExitStack() as stack:
        http, https = (stack.enter_context(_listening()) for _ in range(2))
        ports = {"port": http.getsockname()[1], "tls_port": https.getsockname()[1]}
        settings = Settings(**{"data_dir": folder, **ports, **changes})
        wake_ups = WakeUps()
        services = Services.from_settings(settings, wake_ups)
        stack.callback(services.close)
        services.prepare()
        files = server_certificate(settings)
        app = build_app(services)
        stack.enter_context(
            _serving(
                uvicorn.Config(app, log_config=None, ws="none", lifespan="off", timeout_keep_alive=KEEP_ALIVE_S), http
            )
        )
        secure = uvicorn.Config(
            app,
            log_config=None,
            ws="none",
            lifespan="off",
            ssl_certfile=str(files.cert_file),
            ssl_keyfile=str(files.key_file),
        )
        stack.enter_context(_serving(secure, https))
        yield Installation(services, services.keys.create(ACCOUNT), folder / "tls" / "ca.pem", wake_ups)


def _listening() -> socket.socket:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen(128)
    return sock


@contextmanager
def _serving(config: uvicorn.Config, sock: socket.socket) -> Iterator[None]:
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
