"""POSTs to webhooks: pinned to checked addresses, over in `timeout_s` whatever the other side does, connections kept for the next."""

import base64
import ssl
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

import certifi
import httpcore
import httpx

from pipeline.errors import ReelsightError
from pipeline.notify.ssrf import AddressRefused, Guard

MAX_RESPONSE_BYTES = 64 * 1024
MAX_SNIPPET = 200
"""Characters of a failed response that are kept to tell the operator why."""
CONNECT_S = 5.0
"""An address that does not answer a connection by then is not there; the time for an answer is longer."""
IDLE_S = 10.0
"""How long a connection is kept for the next message to the same host."""
WRITTEN = 16 * 1024
"""Bytes of a request between two looks at the clock."""
CONNECTIONS = 256
"""Kept and in use at once, of one call of the deliverer."""


class DeliveryFailed(ReelsightError):  # noqa: N818 - what happened, as in pipeline.errors
    """No response came."""


@dataclass(frozen=True, slots=True)
class Response:
    """What a webhook answered; `snippet` is the beginning of the body."""

    code: int
    snippet: str


class Webhooks:
    """Posts to webhooks, from many threads at once.

    A kept connection stays with the address that was checked when it was made: names are not looked up again for it.
    """

    def __init__(self, guard: Guard, tls: ssl.SSLContext, timeout_s: float) -> None:
        """`guard` decides which addresses may be reached; `timeout_s` runs from the first packet to the last byte that is read."""
        self.timeout_s = timeout_s
        self._tls = tls
        self._backend = _PinnedBackend(guard)
        self._kept = self._pool(CONNECTIONS)

    def __enter__(self) -> Self:
        """Ready to post."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Closes the connections."""
        self._kept.close()

    def post(self, url: str, headers: Mapping[str, str], content: bytes) -> Response:
        """Posts `content`; redirects are not followed, as in SNS.

        Raises:
            DeliveryFailed: the host is refused, or no response came in time.
        """
        self._backend.begin(time.monotonic() + self.timeout_s)
        try:
            return self._post(httpx.URL(url), headers, content)
        except AddressRefused as error:
            raise DeliveryFailed(str(error)) from None
        except (httpcore.TimeoutException, TimeoutError):
            raise DeliveryFailed(f"no response within {self.timeout_s:g} s") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpx.InvalidURL, OSError) as error:
            raise DeliveryFailed(f"{type(error).__name__}: {error}") from None

    def _post(self, url: httpx.URL, headers: Mapping[str, str], content: bytes) -> Response:
        try:
            return _exchange(self._kept, url, headers, content)
        except (httpcore.NetworkError, httpcore.ProtocolError):
            if self._backend.connected:
                raise
        # The other side had closed a kept connection just then: that is no failure of the receiver.
        with self._pool(1) as once:
            return _exchange(once, url, headers, content)

    def _pool(self, connections: int) -> httpcore.ConnectionPool:
        return httpcore.ConnectionPool(
            ssl_context=self._tls,
            network_backend=self._backend,
            retries=0,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=IDLE_S,
        )


def trust(extra_ca_file: Path | None) -> ssl.SSLContext:
    """Trust in the system's authorities, the public ones, and those in `extra_ca_file`, as it is now."""
    return _trust(extra_ca_file, extra_ca_file.stat().st_mtime_ns if extra_ca_file and extra_ca_file.exists() else 0)


@lru_cache(maxsize=4)
def _trust(extra_ca_file: Path | None, _changed_ns: int) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    if extra_ca_file is not None:
        context.load_verify_locations(extra_ca_file)
    return context


def _exchange(pool: httpcore.ConnectionPool, url: httpx.URL, headers: Mapping[str, str], content: bytes) -> Response:
    fields = {**headers, "Host": url.netloc.decode("ascii"), "Content-Length": str(len(content))}
    if url.userinfo:
        name, _, password = url.userinfo.decode("ascii").partition(":")
        pair = f"{unquote(name)}:{unquote(password)}".encode()
        fields["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
    with pool.stream("POST", target, headers=list(fields.items()), content=content) as response:
        return Response(response.status, _snippet(response.iter_stream()))


def _snippet(chunks: Iterable[bytes]) -> str:
    """The beginning of a body of which a bounded part is read, as it came: nothing is decompressed."""
    raw = b""
    for chunk in chunks:
        raw += chunk
        if len(raw) > MAX_RESPONSE_BYTES:
            break
    return "".join(c if c.isprintable() else " " for c in raw[: 4 * MAX_SNIPPET].decode("utf-8", "replace"))[
        :MAX_SNIPPET
    ]


class _PinnedBackend(httpcore.SyncBackend):
    """Connects to the addresses the guard has checked; the TLS name and the Host header stay those of the URL.

    What belongs to one request is kept by thread: a thread makes one request at a time.
    """

    def __init__(self, guard: Guard) -> None:
        super().__init__()
        self._guard = guard
        self._request = threading.local()

    @property
    def connected(self) -> bool:
        """Whether this thread's request had to make a connection."""
        return bool(self._request.connected)

    def begin(self, deadline: float) -> None:
        """A request of this thread begins; all it does must end before `deadline`, on the monotonic clock."""
        self._request.deadline = deadline
        self._request.connected = False

    def left_s(self) -> float:
        """Seconds that this thread's request still has.

        Raises:
            TimeoutError: none.
        """
        left: float = self._request.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to the first address that answers."""
        self._request.connected = True
        failure: Exception = TimeoutError()
        for address in self._guard.addresses(host, port):
            try:
                patience = min(self.left_s(), CONNECT_S)
                stream = super().connect_tcp(address, port, patience, local_address, socket_options)
                return _TimedStream(stream, self)
            except httpcore.ConnectTimeout:
                self.left_s()
                failure = httpcore.ConnectError(f"{address} did not answer within {CONNECT_S:g} s")
            except httpcore.NetworkError as error:
                failure = error
        raise failure


class _TimedStream(httpcore.NetworkStream):
    """A stream whose every move must end before the deadline of the request that uses it, so that a trickle of bytes gains nothing."""

    def __init__(self, stream: httpcore.NetworkStream, backend: _PinnedBackend) -> None:
        self._stream = stream
        self._backend = backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """See `httpcore.NetworkStream`."""
        return self._stream.read(max_bytes, self._backend.left_s())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """See `httpcore.NetworkStream`."""
        for start in range(0, len(buffer), WRITTEN):
            self._stream.write(buffer[start : start + WRITTEN], self._backend.left_s())

    def close(self) -> None:
        """See `httpcore.NetworkStream`."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """See `httpcore.NetworkStream`."""
        try:
            left_s = self._backend.left_s()
        except TimeoutError:
            self.close()  # as httpcore's own streams do when a handshake fails; nobody else would
            raise
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, left_s), self._backend)

    def get_extra_info(self, info: str) -> Any:
        """See `httpcore.NetworkStream`."""
        return self._stream.get_extra_info(info)
