"""One request of the API from its bytes to its answer.

target -> signature -> account -> parse -> validate -> handler -> render, and the one place that turns exceptions into
AWS errors. Requests of the SNS query protocol go to `api.sns` once their signature is verified.
"""

import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import structlog
from botocore.model import OperationModel
from starlette.responses import Response

from api.metrics import Metrics
from api.operations import celebrities, collections, images, stored_video, tags, users
from api.operations.types import Handler
from api.protocol import model, validate, wire
from api.protocol.canonical import SignedRequest
from api.protocol.query import read_form, status_of
from api.protocol.sigv4 import verify
from api.sns import endpoint as sns
from pipeline.caller import wanted_priority
from pipeline.conduct.answer import Answer
from pipeline.errors import RequestError
from pipeline.images.catalog import IMAGE_OPERATIONS
from pipeline.jobs.priority import HEADER
from pipeline.services import Services

JSON = "application/x-amz-json-1.1"
FORM = "application/x-www-form-urlencoded"
UNKNOWN = "Unknown"
"""Label in metrics of requests that name no operation of the model."""

SNS_CODES = {
    "IncompleteSignatureException": ("IncompleteSignature", 400),
    "InvalidSignatureException": ("SignatureDoesNotMatch", 403),
    "MissingAuthenticationTokenException": ("MissingAuthenticationToken", 403),
    "UnrecognizedClientException": ("InvalidClientTokenId", 403),
}
"""What the query protocol calls the errors of authentication. Source: Amazon SNS API reference, "Common Errors"."""

log = structlog.get_logger()


def built() -> Mapping[str, Handler]:
    """Operation name -> what serves it, of every operation that is built."""
    return {
        **stored_video.handlers(),
        **collections.handlers(),
        **images.handlers(),
        **celebrities.handlers(),
        **tags.handlers(),
        **users.handlers(),
    }


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Serves requests; safe to call from several threads.

    Attributes:
        services: What handlers work with.
        metrics: Counts requests.
        handlers: Operation name -> what serves it; the rest of the model answers that it is not built.
        clock: The present moment, aware; by this machine's clock, which signatures are compared with.
    """

    services: Services
    metrics: Metrics
    handlers: Mapping[str, Handler] = field(default_factory=built)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def serve(self, request: SignedRequest) -> Response:
        """The answer, whatever happens."""
        if _speaks_sns(request):
            return self._serve_sns(request)
        request_id, began = str(uuid.uuid4()), time.monotonic()
        name = operation_name(request) if operation_name(request) in model.operations() else UNKNOWN
        with structlog.contextvars.bound_contextvars(request_id=request_id, operation=name):
            body, status, code = self._answer(request, name, request_id)
        self.metrics.count(name, status, time.monotonic() - began, code)
        allowed = {"Allow": "POST"} if status == HTTPStatus.METHOD_NOT_ALLOWED else {}
        return Response(body, status, {"x-amzn-RequestId": request_id, **allowed}, JSON)

    def _answer(self, request: SignedRequest, name: str, request_id: str) -> tuple[bytes, int, str | None]:
        """Body, HTTP status and code of an error. All errors end here."""
        try:
            return self._run(request), 200, None
        except RequestError as error:
            code, message = error.code, error.message
            log.info("request_refused", code=code)
        except Exception:
            log.exception("request_broke")
            code, message = (
                "InternalServerError",
                f"An internal error occurred; the log has it under request id {request_id}.",
            )
        return error_body(code, message), model.status_of(code), code

    def _run(self, request: SignedRequest) -> bytes:
        _check_transport(request)
        account = self._account(request, "rekognition")
        wanted_priority.set(request.header(HEADER.lower()))
        operation = _operation(request)
        handler = self.handlers.get(operation.name)
        if handler is None:
            raise RequestError(model.NOT_BUILT, f"The operation {operation.name} is not implemented by this server.")
        arguments = wire.loads(request.body)
        if operation.input_shape is not None:
            arguments = wire.parse(operation.input_shape, arguments)
        validate.check(operation, arguments)
        result = handler(self.services, account, arguments)
        if operation.name in IMAGE_OPERATIONS:
            self.metrics.detect(operation.name, result)
        return render(operation, result)

    def _account(self, request: SignedRequest, service: str) -> str:
        """The account that has signed the request."""
        settings, accounts = self.services.settings, {}

        def find_secret(key_id: str) -> str | None:
            key = self.services.keys.find(key_id)
            if key is None:
                return None
            accounts[key.id] = key.account
            return key.secret

        hosts = [_host(url) for url in (settings.public_url, settings.public_https_url) if url]
        signature = verify(request, service, find_secret, self.clock(), settings.clock_skew, hosts)
        return accounts[signature.key_id]

    def _serve_sns(self, request: SignedRequest) -> Response:
        """A request of the query protocol: signed, or a link from a message."""
        unsigned = request.method == "GET" and not request.is_presigned and request.header("authorization") is None
        try:
            account = None if unsigned else self._account(request, "sns")
            form = read_form(request)
        except RequestError as error:
            code, status = SNS_CODES.get(error.code) or (error.code, status_of(error.code))
            refused = sns.refusal(code, error.message)
            refused.status_code = status
            return refused
        except Exception:
            log.exception("request_broke", operation="sns")
            return sns.refusal("InternalFailure", "An internal error occurred.")
        return sns.handle(self.services, account, form)


def operation_name(request: SignedRequest) -> str:
    """What X-Amz-Target asks for; empty: not an operation of ours."""
    prefix, _, name = (request.header("x-amz-target") or "").partition(".")
    return name if prefix == model.target_prefix() else ""


def render(operation: OperationModel, result: Mapping[str, Any] | Answer) -> bytes:
    """The body of a successful answer; items of an `Answer` are spliced in as they are.

    Raises:
        RenderError: the result does not fit the operation's output.
    """
    shape = operation.output_shape
    if shape is None:
        return b"{}"
    if not isinstance(result, Answer):
        return wire.dumps(shape, result)
    if result.items_key not in shape.members or result.items_key in result.members:
        raise wire.RenderError(f"{shape.name} has no place for {result.items_key}")
    return wire.splice(wire.dumps(shape, result.members), result.items_key, result.items)


def error_body(code: str, message: str) -> bytes:
    """The body of an error. Source: Amazon Rekognition developer guide, "Error handling"."""
    return json.dumps({"__type": code, "Code": code, "Logref": str(uuid.uuid4()), "Message": message}).encode()


def _operation(request: SignedRequest) -> OperationModel:
    operation = model.operations().get(operation_name(request))
    if operation is None:
        target = (request.header("x-amz-target") or "")[:128]
        raise RequestError(
            "UnknownOperationException", f"X-Amz-Target names no operation of {model.target_prefix()}: {target!r}"
        )
    return operation


def _check_transport(request: SignedRequest) -> None:
    if request.method != "POST":
        raise RequestError("MethodNotAllowedException", f"Operations are called with POST /, not {request.method}.")
    given = (request.header("content-type") or "").partition(";")[0].strip().lower()
    if given != JSON:
        raise RequestError("UnsupportedMediaTypeException", f"The Content-Type must be {JSON}, not {given[:64]!r}.")


def _host(url: str) -> str:
    """The Host header that clients send for the URL: without the scheme's own port."""
    parts = urlsplit(url)
    return parts.netloc.removesuffix({"http": ":80", "https": ":443"}.get(parts.scheme, ":")).lower()


def _speaks_sns(request: SignedRequest) -> bool:
    """Whether this is the query protocol: a form, or a link with an Action."""
    if request.header("x-amz-target") is not None:
        return False
    form = (request.header("content-type") or "").lower().startswith(FORM)
    return form or any(name == "Action" for name, _ in parse_qsl(request.query))
