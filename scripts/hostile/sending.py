"""Requests over connections of their own, and what an answer must look like."""

import http.client
import json
import re
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

from scripts.hostile.calls import JSON, Wire

HANG_S = 150
"""Seconds after which a request counts as hanging: a little over what an operation on an image may take here."""
PATIENCE_S = 20
"""Seconds for the answer to a request of odd framing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: HTTP status; 0: the connection was closed without one.
        headers: Lower-case names.
        body: Whole.
        seconds: It took.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float


class Line:
    """A connection that is kept, and opened anew where the server or a request has ended it."""

    def __init__(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        self.host = parts.netloc
        self._address = (str(parts.hostname), int(parts.port or 80))
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, call: Wire, headers: list[tuple[str, str]]) -> Answer:
        """The answer.

        Raises:
            TimeoutError: there is none within `HANG_S`.
        """
        begun = time.monotonic()
        for again in (True, False):
            connection = self._connection or http.client.HTTPConnection(*self._address, timeout=HANG_S)
            fresh, self._connection = self._connection is None, connection
            try:
                connection.putrequest(call.method, call.path, skip_host=True, skip_accept_encoding=True)
                for name, value in headers:
                    connection.putheader(name, value.encode("utf-8", "surrogatepass"))
                connection.putheader("content-length", str(len(call.body)))
                connection.endheaders(call.body)
                response = connection.getresponse()
                body = response.read()
            except TimeoutError:
                self.close()
                raise
            except (http.client.HTTPException, OSError, ValueError):
                self.close()
                if fresh or not again:
                    return Answer(0, {}, b"", time.monotonic() - begun)
                continue
            found = {name.lower(): value for name, value in response.getheaders()}
            if response.will_close:
                self.close()
            return Answer(response.status, found, body, time.monotonic() - begun)
        raise AssertionError("unreachable")

    def raw(self, pieces: list[bytes], pause_s: float = 0.0) -> Answer:
        """The answer to bytes as they are, sent piece by piece."""
        begun = time.monotonic()
        received = b""
        with socket.create_connection(self._address, timeout=PATIENCE_S) as one:
            try:
                for piece in pieces:
                    one.sendall(piece)
                    time.sleep(pause_s)
                with suppress(OSError):  # the other side may have ended it
                    one.shutdown(socket.SHUT_WR)
                while piece := one.recv(65536):
                    received += piece
            except ConnectionError:
                pass  # so may it while we send
            except TimeoutError:
                if not received:
                    raise
        status = re.match(rb"HTTP/1\.[01] ([0-9]{3})", received)
        return Answer(int(status[1]) if status else 0, {}, received, time.monotonic() - begun)

    def close(self) -> None:
        """Ends the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def framing(rng: Random, host: str, call: Wire) -> list[bytes]:
    """A request whose framing is odd: lengths, chunks, lines, versions."""
    lines = (
        "POST / HTTP/1.1",
        f"Host: {host}",
        "X-Amz-Target: RekognitionService.DetectFaces",
        f"Content-Type: {JSON}",
    )
    head = "".join(f"{line}\r\n" for line in lines).encode()
    body = call.body[:2000] or b"{}"
    size = b"Content-Length: %d\r\n" % len(body)
    chunked = b"Transfer-Encoding: chunked\r\n\r\n"
    cut = rng.randrange(len(body) + 1)
    return rng.choice(
        (
            [head + b"Content-Length: -1\r\n\r\n", body],
            [head + b"Content-Length: 99999999999999999999999\r\n\r\n", body],
            [head + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", body],
            [head + b"Content-Length: \xc2\xb2\r\n\r\n", body],
            [head + b"Content-Length: 0x10\r\n\r\n", body],
            [head + size + size.replace(b": ", b": 1") + b"\r\n", body],
            [head + size + chunked + b"5\r\nhello\r\n0\r\n\r\n"],
            [
                head + chunked,
                b"%x\r\n" % cut + body[:cut] + b"\r\n",
                b"%x;ext=1\r\n" % (len(body) - cut) + body[cut:] + b"\r\n",
                b"0\r\n\r\n",
            ],
            [head + chunked, b"zz\r\n" + body],
            [head + chunked, b"ffffffffffffffff\r\n" + body],
            [head + chunked, b"-5\r\nhello\r\n0\r\n\r\n"],
            [head + chunked, b"5\r\nhel"],
            [head + b"Transfer-Encoding: gzip, chunked\r\n\r\n", body],
            [head + size + b"\r\n", body[:cut]],
            [head + size + b"\r\n", body + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"],
            [head + b"Expect: 100-continue\r\n" + size + b"\r\n", body],
            [head + b"X: " + b"a" * 100_000 + b"\r\n" + size + b"\r\n", body],
            [head + b"".join(b"X-%d: a\r\n" % n for n in range(3000)) + size + b"\r\n", body],
            [head + b"X: a\r\n b\r\n" + size + b"\r\n", body],
            [head + b"\0: \0\r\n" + size + b"\r\n", body],
            [head.replace(b"HTTP/1.1", b"HTTP/9.9") + size + b"\r\n", body],
            [head.replace(b"HTTP/1.1", b"HTTP/1.0") + size + b"\r\n", body],
            [head.replace(b"POST / ", b"POST http://other.example/ ") + size + b"\r\n", body],
            [head.replace(b"POST / ", b"POST /" + b"a" * 70_000 + b" ") + size + b"\r\n", body],
            [head.replace(b"POST / ", b"POST \xff\xfe ") + size + b"\r\n", body],
            [head.replace(b"Host", b"Hots") + size + b"\r\n", body],
            [head.replace(b"\r\n", b"\n") + size.replace(b"\r\n", b"\n") + b"\n", body],
            [b"GET"],
            [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng.randbytes(300)],
            [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
            [rng.randbytes(500)],
            [b"\r\n" * 500 + head + size + b"\r\n" + body],
        )
    )


def fault_of(call: Wire, answer: Answer, members: frozenset[str]) -> str:
    """What is wrong with an answer; empty: nothing."""
    if answer.status < 300:
        return "" if answer.status else "no answer"
    code, _ = error_of(answer)
    if answer.status >= 500 and code not in ("NotImplementedException", "ThrottlingException"):
        return f"status {answer.status} {code}"
    of_transport = answer.status in {400, 404, 405} and answer.headers.get("content-type", "").startswith("text/plain")
    if call.method == "HEAD" or call.path.split("?")[0] != "/" or of_transport:
        return ""  # nothing of the API, or not HTTP
    return _fault_of_error(call, answer, members)


def _fault_of_error(call: Wire, answer: Answer, members: frozenset[str]) -> str:
    code, message = error_of(answer)
    if not answer.headers.get("x-amzn-requestid"):
        return "no x-amzn-RequestId"
    if not code or len(message) < 10:
        return f"no modelled error: {answer.body[:200]!r}"
    named = code in {"ValidationException", "InvalidParameter"} and call.kind == "member"
    if named and not message.startswith("Invalid parameter: ") and not any(name in message.lower() for name in members):
        return f"message names no member: {message[:300]}"
    return ""


def error_of(answer: Answer) -> tuple[str, str]:
    """Code and message of an error of either protocol; empty where it is neither."""
    try:
        if answer.headers.get("content-type", "").startswith("text/xml"):
            found = ElementTree.fromstring(answer.body.decode())  # noqa: S314 - of our own server
            return tuple(found.findtext(f".//{{*}}{name}") or "" for name in ("Code", "Message"))  # type: ignore[return-value]
        body: dict[str, Any] = json.loads(answer.body)
        return (body["__type"], body["Message"]) if body["__type"] == body["Code"] else ("", "")
    except (ValueError, KeyError, TypeError, ElementTree.ParseError):
        return "", ""
