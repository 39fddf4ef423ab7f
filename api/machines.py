"""What machines that want to join ask, without a signature: the authority that vouches for us, and the settings for their code."""

import json
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from pipeline.machines.joining import Asking, JoinRefused, admit
from pipeline.notify.certificates import server_certificate
from pipeline.services import Services
from pipeline.store.machines import is_good

log = structlog.get_logger()

JOIN, AUTHORITY = "/machines/join", "/machines/ca.pem"
MAX_BYTES = 4096
PRIVATE = {"Cache-Control": "no-store"}
TOO_MANY = JoinRefused(429, "too many requests were refused lately; try again in a minute")


@dataclass(slots=True)
class Refusals:
    """Counts what was refused lately, by address and in all, so that guessing costs little; in memory that is bounded.

    Attributes:
        limit: Refusals of one address within `window_s` after which only those of it who hold a good code are listened to.
        limit_of_all: The same for all addresses together.
        window_s: Seconds.
    """

    limit: int = 10
    limit_of_all: int = 100
    window_s: float = 60.0
    _by_address: "OrderedDict[str, deque[float]]" = field(default_factory=OrderedDict)
    _all: deque[float] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def too_many(self, address: str) -> bool:
        """Whether nothing but good codes is to be heard from the address for now."""
        with self._lock:
            mine = self._recent(self._by_address.get(address, deque()))
            return len(mine) >= self.limit or len(self._recent(self._all)) >= self.limit_of_all

    def add(self, address: str) -> None:
        """Something was refused."""
        with self._lock:
            now = time.monotonic()
            self._by_address.setdefault(address, deque(maxlen=self.limit)).append(now)
            self._by_address.move_to_end(address)
            self._all.append(now)
            while len(self._by_address) > self.limit_of_all:
                self._by_address.popitem(last=False)

    def _recent(self, moments: deque[float]) -> deque[float]:
        while moments and moments[0] < time.monotonic() - self.window_s:
            moments.popleft()
        return moments


def routes(services: Services) -> Sequence[Route]:
    """The two pages."""
    refusals = Refusals()

    def authority(_: Request) -> Response:
        """PEM of our certificate authority; public."""
        found = server_certificate(services.settings).ca_file
        if found is None:
            return PlainTextResponse("the https port has a certificate of another authority\n", 404)
        return Response(found.read_bytes(), media_type="application/x-pem-file")

    async def join(request: Request) -> Response:
        """The settings of the installation, for a code that is good."""
        address = request.client.host if request.client else ""
        is_crowded = refusals.too_many(address)
        try:
            asking = Asking.parsed(await _body(request))
            # Behind a proxy all have its address: who guesses must not keep out those who need not.
            if is_crowded and not await run_in_threadpool(is_good, services.engine, asking.code):
                return _refused(TOO_MANY)
            return JSONResponse(await run_in_threadpool(admit, services, asking), headers=PRIVATE)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        except JoinRefused as refusal:
            if not is_crowded:
                refusals.add(address)
                log.warning("machine_refused", address=address, reason=str(refusal))
            return _refused(refusal)

    return [Route(AUTHORITY, authority, methods=["GET"]), Route(JOIN, join, methods=["POST"])]


async def _body(request: Request) -> Any:
    """The request's JSON.

    Raises:
        JoinRefused: it came unencrypted, is too large or no JSON.
    """
    # A proxy that ends TLS says so; who claims it falsely shows nobody's secrets but their own.
    if "https" not in (request.url.scheme, request.headers.get("x-forwarded-proto")):
        raise JoinRefused(403, "secrets are told over https only")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BYTES:
            raise JoinRefused(413, f"the request is larger than {MAX_BYTES} bytes")
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise JoinRefused(400, "the request is no JSON") from None


def _refused(refusal: JoinRefused) -> Response:
    return JSONResponse({"message": str(refusal)}, refusal.status, PRIVATE)
