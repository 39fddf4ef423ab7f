"""Many clients of the API at once: processes of connections that each ask again as soon as they are answered.

Requests are signed for real (AWS Signature Version 4) by a dozen lines that cost little beside those of an SDK, so that the service is
measured and not its clients; how busy the clients were is part of the answer.
"""

import asyncio
import hashlib
import hmac
import multiprocessing
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

PROCESSES = 2
"""Of clients."""
LIMIT = 64 * 1024**2
"""Bytes of an answer that a client takes at most."""
PATIENCE_S = 60.0
"""For one answer."""
_LENGTH = re.compile(rb"(?i)\ncontent-length: *(\d+)")
_TOKEN = re.compile(rb'"NextToken": ?"([^"]+)"')
_CODE = re.compile(rb'"Code": ?"([^"]+)"')


@dataclass(frozen=True, slots=True)
class Key:
    """What requests are signed with, and where they go."""

    id: str
    secret: str = field(repr=False)
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Ask:
    """What one client asks again and again.

    Attributes:
        operation: Of the API.
        body: JSON text.
        then: JSON text of all later requests, with `%s` for the NextToken of the answer before; empty, or no token left: `body` again.
    """

    operation: str
    body: str
    then: str = ""


@dataclass(slots=True)
class Heard:
    """What clients were answered.

    Attributes:
        took_ms: Of every answer with status 200, in no order.
        bytes: Of their bodies.
        refused: Status and code of the others -> how many.
        cpu_s: Time of the processor that the clients took.
        wall_s: How long they asked.
    """

    took_ms: list[float] = field(default_factory=list)
    bytes: int = 0
    refused: "Counter[str]" = field(default_factory=Counter)
    cpu_s: float = 0.0
    wall_s: float = 0.0

    def figures(self) -> dict[str, Any]:
        """For people; times in ms."""
        took = sorted(self.took_ms) or [0.0]
        shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
        times = {name: round(took[min(int(len(took) * share), len(took) - 1)], 2) for name, share in shares.items()}
        rate = len(self.took_ms) / max(self.wall_s, 1e-9)
        busy = self.cpu_s / max(self.wall_s, 1e-9)
        return {
            "answers": len(self.took_ms),
            "per_s": round(rate, 1),
            **times,
            "refused": dict(self.refused),
            "client_busy": round(busy, 2),
        }


class Signer:
    """Signs requests as `key` says.

    Source: AWS General Reference, "Create a signed AWS API request".
    """

    def __init__(self, key: Key, region: str = "us-east-1", service: str = "rekognition") -> None:
        day = f"{datetime.now(UTC):%Y%m%d}"
        self._key, self._scope = key, f"{day}/{region}/{service}/aws4_request"
        signing = f"AWS4{key.secret}".encode()
        for part in self._scope.split("/"):
            signing = hmac.digest(signing, part.encode(), "sha256")
        self._signing = signing

    def request(self, operation: str, body: str) -> bytes:
        """The whole request as it goes over the wire."""
        raw, date = body.encode(), f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        headers = {
            "content-type": "application/x-amz-json-1.1",
            "host": f"{self._key.host}:{self._key.port}",
            "x-amz-date": date,
            "x-amz-target": f"RekognitionService.{operation}",
        }
        names, digest = ";".join(headers), hashlib.sha256(raw).hexdigest()
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        canonical = hashlib.sha256(f"POST\n/\n\n{lines}\n{names}\n{digest}".encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{date}\n{self._scope}\n{canonical}"
        value = hmac.new(self._signing, text.encode(), "sha256").hexdigest()
        credential = f"Credential={self._key.id}/{self._scope}, SignedHeaders={names}, Signature={value}"
        told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"POST / HTTP/1.1\r\n{told}authorization: AWS4-HMAC-SHA256 {credential}\r\ncontent-length: {len(raw)}\r\n\r\n"
        return head.encode() + raw


class Client:
    """One connection, kept."""

    def __init__(self, key: Key, signer: Signer) -> None:
        self._key, self._signer = key, signer
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def call(self, operation: str, body: str) -> tuple[int, bytes]:
        """Status and body of the answer."""
        request = self._signer.request(operation, body)
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._key.host, self._key.port, limit=LIMIT)
        reader, writer = self._streams
        writer.write(request)
        async with asyncio.timeout(PATIENCE_S):
            head = await reader.readuntil(b"\r\n\r\n")
            found = _LENGTH.search(head)
            answer = await reader.readexactly(int(found[1]) if found else 0)
        if b"connection: close" in head.lower():
            self.close()
        return int(head[9:12]), answer

    def close(self) -> None:
        """Hangs up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def next_token(answer: bytes) -> str | None:
    """The NextToken of an answer; it stands before the items."""
    found = _TOKEN.search(answer)
    return found[1].decode() if found else None


def code_of(answer: bytes) -> str:
    """The code of an error."""
    found = _CODE.search(answer)
    return found[1].decode() if found else "?"


def load(key: Key, asks: Sequence[Ask], seconds: float, pause_s: float = 0.0) -> Heard:
    """What as many clients as there are `asks` hear in that time; each asks anew once it is answered, or at most every `pause_s`."""
    count = min(PROCESSES, len(asks))
    with ProcessPoolExecutor(count, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(time.sleep, [0.05] * count))  # started before anybody's clock is
        begin = time.time() + 1.0
        parts = [pool.submit(_process, key, asks[place::count], begin, seconds, pause_s) for place in range(count)]
        return merged([part.result() for part in parts])


def merged(parts: Sequence[Heard]) -> Heard:
    """What all of them heard side by side."""
    whole = Heard(wall_s=max(part.wall_s for part in parts))
    for part in parts:
        whole.took_ms += part.took_ms
        whole.bytes += part.bytes
        whole.refused += part.refused
        whole.cpu_s += part.cpu_s
    return whole


def _process(key: Key, asks: Sequence[Ask], begin: float, seconds: float, pause_s: float) -> Heard:
    return asyncio.run(_clients(key, asks, begin, seconds, pause_s))


async def _clients(key: Key, asks: Sequence[Ask], begin: float, seconds: float, pause_s: float) -> Heard:
    heard, signer = Heard(), Signer(key)
    await asyncio.sleep(max(0.0, begin - time.time()))
    cpu_s, began = time.process_time(), time.perf_counter()
    phases = [pause_s * place / len(asks) for place in range(len(asks))]
    works = (
        _asking(Client(key, signer), ask, began + seconds, pause_s, phase, heard)
        for ask, phase in zip(asks, phases, strict=True)
    )
    await asyncio.gather(*works)
    heard.cpu_s, heard.wall_s = time.process_time() - cpu_s, time.perf_counter() - began
    return heard


async def _asking(client: Client, ask: Ask, end: float, pause_s: float, phase: float, heard: Heard) -> None:
    body, due = ask.body, time.perf_counter() + phase
    try:
        while (now := time.perf_counter()) < end:
            if due > now:
                await asyncio.sleep(due - now)
            due = max(due + pause_s, time.perf_counter())
            answer = await _heard(client, ask.operation, body, heard)
            token = next_token(answer) if ask.then else None
            body = ask.then % token if token else ask.body
    finally:
        client.close()


async def _heard(client: Client, operation: str, body: str, heard: Heard) -> bytes:
    """The body of the answer, noted; empty where there was none."""
    asked = time.perf_counter()
    try:
        status, answer = await client.call(operation, body)
    except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
        client.close()
        heard.refused[type(error).__name__] += 1
        return b""
    if status == 200:
        heard.took_ms.append((time.perf_counter() - asked) * 1e3)
        heard.bytes += len(answer)
    else:
        heard.refused[f"{status} {code_of(answer)}"] += 1
    return answer


def once(key: Key, operation: str, body: str) -> bytes:
    """The body of one answer.

    Raises:
        SystemExit: it is an error.
    """

    async def ask() -> tuple[int, bytes]:
        client = Client(key, Signer(key))
        try:
            return await client.call(operation, body)
        finally:
            client.close()

    status, answer = asyncio.run(ask())
    if status != 200:
        raise SystemExit(f"{operation} answered {status}: {answer[:500].decode(errors='replace')}")
    return answer


def table(rows: Mapping[str, Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Rows of figures as Markdown."""
    head = f"| | {' | '.join(columns)} |\n|{'---|' * (len(columns) + 1)}"
    lines = (
        f"| {name} | {' | '.join(str(row.get(column, '–')) for column in columns)} |" for name, row in rows.items()
    )
    return "\n".join([head, *lines])
