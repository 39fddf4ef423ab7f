"""One POST to one webhook: pinned to checked addresses, over in `timeout_s` whatever the other side does."""

import base64
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import certifi
import httpcore
import httpx

from pipeline.errors import ReelsightError
from pipeline.notify.ssrf import AddressRefused, Guard

MAX_RESPONSE_BYTES = 64 * 1024
MAX_SNIPPET = 200
"""Characters of a failed response that are kept to tell the operator why."""


class DeliveryFailed(ReelsightError):  # noqa: N818 - what happened, as in pipeline.errors
    """No response came."""


@dataclass(frozen=True, slots=True)
class Response:
    """What a webhook answered; `snippet` is the beginning of the body."""

    code: int
    snippet: str


@dataclass(frozen=True, slots=True)
class Webhooks:
    """Posts to webhooks.

    Attributes:
        guard: Decides which addresses may be reached.
        tls: Trust in https receivers.
        timeout_s: From the first packet to the last byte of the response that is read.
    """

    guard: Guard
    tls: ssl.SSLContext
    timeout_s: float

    def post(self, url: str, headers: Mapping[str, str], content: bytes) -> Response:
        """Posts `content`; redirects are not followed, as in SNS.

        Raises:
            DeliveryFailed: the host is refused, or no response came in time.
        """
        backend = _PinnedBackend(self.guard, time.monotonic() + self.timeout_s)
        try:
            with httpcore.ConnectionPool(ssl_context=self.tls, network_backend=backend, retries=0) as pool:
                return _exchange(pool, httpx.URL(url), headers, content)
        except AddressRefused as error:
            raise DeliveryFailed(str(error)) from None
        except (httpcore.TimeoutException, TimeoutError):
            raise DeliveryFailed(f"no response within {self.timeout_s:g} s") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpx.InvalidURL, OSError) as error:
            raise DeliveryFailed(f"{type(error).__name__}: {error}") from None


def trust(extra_ca_file: Path | None) -> ssl.SSLContext:
    """Trust in the system's authorities, the public ones, and those in `extra_ca_file`."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    if extra_ca_file is not None:
        context.load_verify_locations(extra_ca_file)
    return context


def _exchange(pool: httpcore.ConnectionPool, url: httpx.URL, headers: Mapping[str, str], content: bytes) -> Response:
    fields = {**headers, "Host": url.netloc.decode("ascii"), "Content-Length": str(len(content)), "Connection": "close"}
    if url.userinfo:
        name, _, password = url.userinfo.decode("ascii").partition(":")
        pair = f"{unquote(name)}:{unquote(password)}".encode()
        fields["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
    with pool.stream("POST", target, headers=list(fields.items()), content=content) as response:
        return Response(response.status, _snippet(response.iter_stream()))


def _snippet(chunks: Iterable[bytes]) -> str:
    """The beginning of a body of which a bounded part is read."""
    raw = b""
    for chunk in chunks:
        raw += chunk
        if len(raw) > MAX_RESPONSE_BYTES:
            break
    return "".join(c if c.isprintable() else " " for c in raw[: 4 * MAX_SNIPPET].decode("utf-8", "replace"))[
        :MAX_SNIPPET
    ]


def _left_s(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _PinnedBackend(httpcore.SyncBackend):
    """Connects to the addresses the guard has checked; the TLS name and the Host header stay those of the URL."""

    def __init__(self, guard: Guard, deadline: float) -> None:
        super().__init__()
        self._guard = guard
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to the first address that answers."""
        failure: Exception = TimeoutError()
        for address in self._guard.addresses(host, port):
            try:
                stream = super().connect_tcp(address, port, _left_s(self._deadline), local_address, socket_options)
                return _TimedStream(stream, self._deadline)
            except httpcore.NetworkError as error:
                failure = error
        raise failure


class _TimedStream(httpcore.NetworkStream):
    """A stream whose every move must end before one common deadline, so that a trickle of bytes gains nothing."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """See `httpcore.NetworkStream`."""
        return self._stream.read(max_bytes, _left_s(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """See `httpcore.NetworkStream`."""
        self._stream.write(buffer, _left_s(self._deadline))

    def close(self) -> None:
        """See `httpcore.NetworkStream`."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """See `httpcore.NetworkStream`."""
        return _TimedStream(
            self._stream.start_tls(ssl_context, server_hostname, _left_s(self._deadline)), self._deadline
        )

    def get_extra_info(self, info: str) -> Any:
        """See `httpcore.NetworkStream`."""
        return self._stream.get_extra_info(info)
