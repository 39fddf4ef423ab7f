"""The HTTP application: the AWS API at `/`, beside it health, metrics and what `api.sns` publishes."""

import asyncio
import contextlib
import functools
import hmac
import threading
import uuid
from collections.abc import AsyncIterator

import anyio.to_thread
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from api import metrics
from api.dispatch import JSON, Dispatcher, error_body
from api.health import readiness, workers
from api.machines import routes as machine_routes
from api.protocol.canonical import BYTES, SignedRequest
from api.protocol.model import status_of
from api.sns.routes import routes as sns_routes
from pipeline.caller import has_left
from pipeline.roll_call import register_of
from pipeline.services import Services

MAX_BODY_BYTES = 16 * 1024**2
"""Two images of 5 MiB in base64, the largest request of the model, and room for the rest."""
BODY_S = 60.0
"""How long a client may take to send a body."""
OTHER_THREADS = 40
"""Threads for requests that wait for no worker."""


def build_app(services: Services, body_s: float = BODY_S) -> Starlette:
    """The application over these services; bodies must arrive within `body_s`."""
    counters = metrics.Metrics(services)
    threads = services.settings.image_waiting + OTHER_THREADS
    dispatcher = Dispatcher(services, counters)
    token = services.settings.metrics_token
    register = functools.cache(lambda: register_of(services.settings))

    async def operation(request: Request) -> Response:
        """The AWS API: Rekognition's JSON protocol and SNS's query protocol."""
        try:
            async with asyncio.timeout(body_s):
                body = await _body(request)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        except TimeoutError:
            return _given_up("RequestTimeoutException", f"The body did not arrive within {body_s:g} s.")
        if body is None:
            return _given_up("RequestEntityTooLargeException", f"The request is larger than {MAX_BODY_BYTES} bytes.")
        # Of this event loop; those who wait for workers must leave threads to all others.
        anyio.to_thread.current_default_thread_limiter().total_tokens = threads
        async with _watched(request):
            return await run_in_threadpool(dispatcher.serve, _signed(request, body))

    def health(_: Request) -> Response:
        """Whether this process answers."""
        return JSONResponse({"status": "ok"})

    def ready(request: Request) -> Response:
        """Whether database, broker and object store can be reached, and who works on what."""
        parts = readiness(services)
        is_ready = set(parts.values()) == {"ok"}
        told: dict[str, object] = {"status": "ok" if is_ready else "not ready"}
        if _may_watch(request, token):
            told = {**parts, "workers": workers(services, register)}
        return JSONResponse(told, 200 if is_ready else 503)

    def numbers(request: Request) -> Response:
        """Prometheus' text format."""
        if not _may_watch(request, token):
            return PlainTextResponse("a bearer token is needed\n", 401, {"WWW-Authenticate": "Bearer"})
        return Response(counters.text(), headers={"content-type": metrics.CONTENT_TYPE})

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/ready", ready),
            Route("/metrics", numbers),
            Route("/", operation, methods=["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]),
            *sns_routes(services),
            *machine_routes(services),
        ]
    )


@contextlib.asynccontextmanager
async def _watched(request: Request) -> AsyncIterator[None]:
    """Inside it, `has_left` tells whether the client of the request, whose body was read, has closed its connection."""
    gone = threading.Event()

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        gone.set()

    has_left.set(gone.is_set)
    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()


async def _body(request: Request) -> bytes | None:
    """The whole body; None: it is too large, and was read no further than that takes to know."""
    announced = request.headers.get("content-length", "0")
    if not announced.isdigit() or int(announced) > MAX_BODY_BYTES:
        return None
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)


def _signed(request: Request, body: bytes) -> SignedRequest:
    """The request as it came over the wire: starlette's own URL is decoded, a signature covers the bytes."""
    scope = request.scope
    path = (scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0]
    headers = [(_text(name).lower(), _text(value)) for name, value in scope["headers"]]
    return SignedRequest(request.method, _text(path), _text(scope["query_string"]), headers, body)


def _may_watch(request: Request, token: SecretStr | None) -> bool:
    """Whether figures and details of the installation may be told."""
    given = request.headers.get("authorization", "")
    return token is None or hmac.compare_digest(given.encode(), f"Bearer {token.get_secret_value()}".encode())


def _text(raw: bytes) -> str:
    return raw.decode(errors=BYTES)


def _given_up(code: str, message: str) -> Response:
    """The answer to a request that was not read to its end, so that the connection is of no more use."""
    headers = {"connection": "close", "x-amzn-RequestId": str(uuid.uuid4())}
    return Response(error_body(code, message), status_of(code), headers, JSON)
