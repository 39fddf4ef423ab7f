"""A real HTTP(S) webhook receiver that keeps what it was sent."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Received:
    """One request; header names are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def message(self) -> dict[str, Any]:
        """The body as an SNS message."""
        parsed = json.loads(self.body)
        assert isinstance(parsed, dict)
        return parsed


@dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver answers."""

    code: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"thank you"


@dataclass(slots=True)
class Receiver:
    """Requests that came in, and how they are answered; `answer` may block."""

    url: str
    answer: Callable[[Received], Answer] = lambda _request: Answer()
    requests: list[Received] = field(default_factory=list)
    _came: threading.Condition = field(default_factory=threading.Condition)

    def take(self, request: Received) -> Answer:
        """Keeps the request and answers it."""
        with self._came:
            self.requests.append(request)
            self._came.notify_all()
        return self.answer(request)

    def wait_for(self, count: int, timeout_s: float = 30) -> list[Received]:
        """The requests, as soon as there are `count`."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.requests) >= count, timeout_s), (
                f"{len(self.requests)} requests came"
            )
            return list(self.requests)

    def messages(self, kind: str) -> list[dict[str, Any]]:
        """The messages of one Type, in order."""
        return [r.message for r in self.requests if r.headers.get("x-amz-sns-message-type") == kind]


@contextmanager
def receiving(
    answer: Callable[[Received], Answer] | None = None,
    tls: tuple[Path, Path] | None = None,
    host: str = "127.0.0.1",
) -> Iterator[Receiver]:
    """A receiver on a free port; `tls` is certificate and key of an https one."""
    receiver = Receiver("")
    if answer is not None:
        receiver.answer = answer
    server = ThreadingHTTPServer((host, 0), _handler(receiver))
    server.daemon_threads = True
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    receiver.url = f"{'https' if tls else 'http'}://{host}:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = receiver.take(Received(self.path, headers, body))
            try:
                self.send_response(answer.code)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)
            except OSError:
                pass  # the sender has lost patience or read enough

        def log_message(self, *_arguments: object) -> None:
            """Nothing: pytest shows what matters."""

    return Handler
