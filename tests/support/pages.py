"""A small web server for tests that need one."""

import base64
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


@dataclass
class Pages:
    """Content type and body by path; `login` USER:PASSWORD is demanded where given."""

    bodies: Mapping[str, tuple[str, bytes]]
    login: str | None = None


@contextmanager
def serving(pages: Pages) -> Iterator[str]:
    """Serves the pages on a free port of the loopback interface; yields the base URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = unquote(self.path)
            wanted = f"Basic {base64.b64encode((pages.login or '').encode()).decode()}"
            if pages.login and self.headers.get("Authorization") != wanted:
                self._answer(401, "text/plain", b"who are you?")
            elif path in pages.bodies:
                self._answer(200, *pages.bodies[path])
            else:
                self._answer(404, "text/plain", b"nothing here")

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
