"""Proxies on the loopback interface that fail on demand: a TCP one that cuts or stalls, and an HTTP one in front of S3."""

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any


class Link:
    """A TCP proxy; `cut` is a network that swallows everything: nothing is refused, nothing arrives."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._whole = threading.Event()
        self._whole.set()
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, name="link", daemon=True).start()

    def cut(self) -> None:
        """From now on nothing passes."""
        self._whole.clear()

    def mend(self) -> None:
        """What was held back and is still wanted passes, and all that follows."""
        self._whole.set()

    def reset(self) -> None:
        """Ends every connection at once."""
        for one in list(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Ends it."""
        self._over.set()
        self._whole.set()
        self._listener.close()
        self.reset()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self._whole.wait()
        try:
            server = socket.create_connection(("127.0.0.1", self._target_port), 5)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        self._open |= {client, server}
        back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
        back.start()
        self._pump(client, server)
        back.join()
        self._open -= {client, server}
        client.close()
        server.close()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._whole.wait()
                sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class Trouble(StrEnum):
    """What a request to the store can meet."""

    ERROR = "500"
    UNAVAILABLE = "503"
    SLOW = "slow"
    TRUNCATED = "truncated"
    RESET = "reset"


class FaultyStore:
    """An HTTP proxy before an S3 server; signatures stay valid, because it changes neither path nor headers."""

    def __init__(self, target_port: int, seed: int) -> None:
        self.target_port = target_port
        self.random = Random(seed)
        self.trouble: Trouble | None = None
        self.share = 1.0
        self.hits = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _StoreHandler)
        self._server.daemon_threads = True
        self._server.front = self  # type: ignore[attr-defined]
        self.port = int(self._server.server_port)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def begin(self, trouble: Trouble, share: float) -> None:
        """From now on this share of the requests meets the trouble."""
        self.share, self.trouble = share, trouble

    def end(self) -> None:
        """All requests are served."""
        self.trouble = None

    def close(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()

    def next_trouble(self) -> Trouble | None:
        """What the next request meets."""
        trouble = self.trouble
        if trouble is None or self.random.random() > self.share:
            return None
        self.hits += 1
        return trouble


class _StoreHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    front: FaultyStore

    def _serve(self) -> None:
        front: FaultyStore = self.server.front  # type: ignore[attr-defined]
        trouble = front.next_trouble()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if trouble in {Trouble.ERROR, Trouble.UNAVAILABLE}:
            self._refuse(int(trouble))
        elif trouble is Trouble.RESET:
            self._hang_up()
        else:
            time.sleep(2.0 if trouble is Trouble.SLOW else 0.0)
            try:
                self._forward(front.target_port, body, trouble)
            except (OSError, http.client.HTTPException):
                self._hang_up()

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve  # noqa: N815 - the names that the class looks for

    def _refuse(self, status: int) -> None:
        code = "InternalError" if status == 500 else "SlowDown"
        body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>injected</Message></Error>'.encode()
        with contextlib.suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    def _hang_up(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.connection.close()

    def _forward(self, port: int, body: bytes, trouble: Trouble | None) -> None:
        with _upstream(port) as upstream:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() != "expect":
                    upstream.putheader(name, value)
            upstream.endheaders(body or None)
            response = upstream.getresponse()
            content = response.read()
        self._answer(response, content, trouble)

    def _answer(self, response: http.client.HTTPResponse, content: bytes, trouble: Trouble | None) -> None:
        self.send_response_only(response.status, response.reason)
        for name, value in response.getheaders():
            if name.lower() not in {"transfer-encoding", "connection", "content-length"}:
                self.send_header(name, value)
        length = response.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
        if length is not None and response.status not in {204, 304}:
            self.send_header("Content-Length", length)
        self.end_headers()
        if self.command == "HEAD":
            return
        if trouble is Trouble.TRUNCATED and len(content) > 1:
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            self._hang_up()
        else:
            self.wfile.write(content)

    def log_message(self, *_arguments: Any) -> None:
        """Nothing."""


@contextmanager
def _upstream(port: int) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        yield connection
    finally:
        connection.close()
