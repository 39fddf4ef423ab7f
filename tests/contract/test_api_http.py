"""The whole api over real HTTP: database, buckets and server are real, raw signed requests are the users."""

import ast
import asyncio
import base64
import http.client
import json
import re
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

import api.protocol.sigv4
import api.protocol.validate
import api.protocol.wire
import pipeline.conduct.answer
import pipeline.conduct.submit
import pipeline.results.tokens
from api.app import MAX_BODY_BYTES, build_app
from api.dispatch import Dispatcher, built
from api.health import readiness
from api.metrics import Metrics
from api.protocol import model, wire
from api.protocol.canonical import SignedRequest
from pipeline.catalog import OPERATIONS
from pipeline.queue import CeleryQueue, make_app
from pipeline.services import Services
from pipeline.settings import Settings
from tests.support.api_installation import VIDEO, assert_error, client, installation, rekognition
from tests.support.from_shape import from_shape, wrongs
from tests.support.signed_calls import JSON, call, signed_headers
from tests.support.sns_installation import Installation

__all__ = ["client", "installation"]

SERVED = sorted(built())


def wired(value: Any) -> Any:
    """The value as JSON carries it: blobs in base64."""
    if isinstance(value, dict):
        return {name: wired(member) for name, member in value.items()}
    if isinstance(value, list):
        return [wired(item) for item in value]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


@pytest.mark.parametrize("operation", SERVED)
def test_every_violation_is_answered_as_aws_does(
    installation: Installation, client: httpx.Client, operation: str
) -> None:
    for wrong in wrongs(model.operations()[operation].input_shape):
        response = call(client, installation.key, operation, wired(wrong.request))
        assert_error(response, 400, "ValidationException")
        assert f"at '{wrong.path}' failed to satisfy constraint: " in response.json()["Message"]
        assert wrong.constraint in response.json()["Message"]


@pytest.mark.parametrize(
    ("request_", "member"),
    [
        (b"{", "The request body"),
        (b"\xff", "The request body"),
        (b"[" * 100_000, "The request body"),
        ([], "The request"),
        ({"JobId": 5}, "JobId"),
        ({"JobId": "\ud800"}, "JobId"),
        ({"JobId": "a\0"}, "JobId"),
        ({"JobId": "a", "MaxResults": "5"}, "MaxResults"),
        ({"JobId": "a", "MaxResults": True}, "MaxResults"),
        ({"JobId": "a", "MaxResults": 2.5}, "MaxResults"),
        ({"JobId": "a", "MaxResults": 2**31}, "MaxResults"),
    ],
)
def test_a_wrong_json_type_names_the_member(
    installation: Installation, client: httpx.Client, request_: Any, member: str
) -> None:
    response = call(client, installation.key, "GetLabelDetection", request_)
    assert assert_error(response, 400, "SerializationException").startswith(member)


def test_unknown_members_are_ignored_and_null_is_absent(installation: Installation, client: httpx.Client) -> None:
    request = {"Video": VIDEO, "JobTag": None, "EnablePersonTracking": True}
    assert call(client, installation.key, "StartFaceDetection", request).status_code == 200


def test_operations_that_are_not_built_say_so(installation: Installation, client: httpx.Client) -> None:
    for operation in set(model.operations()) - set(SERVED):
        message = assert_error(call(client, installation.key, operation, {}), 501, "NotImplementedException")
        assert operation in message


@pytest.mark.parametrize(
    "target", ["RekognitionService.DetectDogs", "RekognitionService.", "Textract.GetFaceDetection", "x" * 500]
)
def test_an_unknown_target_is_named(installation: Installation, client: httpx.Client, target: str) -> None:
    message = assert_error(call(client, installation.key, target, {}, prefix=""), 400, "UnknownOperationException")
    assert target[:100] in message


def test_transport_errors_are_clear(installation: Installation, client: httpx.Client) -> None:
    key = installation.key
    assert "application/json" in assert_error(
        call(client, key, "ListFaces", {}, "application/json"), 415, "UnsupportedMediaTypeException"
    )
    refused = client.put("/")
    assert "PUT" in assert_error(refused, 405, "MethodNotAllowedException")
    assert refused.headers["allow"] == "POST"
    assert client.head("/").status_code == 405
    assert client.get("/nothing/here").status_code == 404


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_beyond_the_limit_is_read_no_further_than_that(installation: Installation, announced: bool) -> None:
    port = installation.services.settings.port
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.putrequest("POST", "/")
        if announced:
            connection.putheader("Content-Length", str(MAX_BODY_BYTES + 1))
            connection.endheaders()
        else:
            connection.putheader("Transfer-Encoding", "chunked")
            connection.endheaders()
            connection.send(b"%x\r\n%b\r\n" % (MAX_BODY_BYTES + 1, b"x" * (MAX_BODY_BYTES + 1)))
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())["Code"]) == (413, "RequestEntityTooLargeException")


def test_a_body_that_does_not_come_is_not_awaited_for_ever(installation: Installation) -> None:
    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    answer = asgi(build_app(installation.services, body_s=0.01), receive)
    assert answer[0]["status"] == 408
    assert (b"connection", b"close") in answer[0]["headers"]
    assert json.loads(answer[1]["body"])["Code"] == "RequestTimeoutException"


def test_a_client_that_leaves_amid_its_body_is_no_mistake_of_ours(installation: Installation) -> None:
    pieces = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> dict[str, Any]:
        return next(pieces)

    assert asgi(build_app(installation.services), receive)[0]["status"] == 400


def asgi(app: Starlette, receive: Callable[[], Awaitable[dict[str, Any]]]) -> list[Any]:
    """What the application sends to a client whose messages come from `receive`."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "raw_path": b"/", "query_string": b"", "headers": []}
    asyncio.run(app(scope, receive, send))
    return sent


def test_a_mistake_of_ours_is_an_internal_error_with_a_request_id(installation: Installation) -> None:
    def broken(*_: object) -> dict[str, Any]:
        return {"NoSuchMember": 1}

    dispatcher = Dispatcher(
        installation.services,
        Metrics(installation.services),
        {"ListFaces": broken},
    )
    body = json.dumps({"CollectionId": "c"}).encode()
    headers = {"X-Amz-Target": "RekognitionService.ListFaces", "Content-Type": JSON, "Host": "x"}
    signed = signed_headers("http://x/", installation.key, body, headers)
    response = dispatcher.serve(SignedRequest("POST", "/", "", [(k.lower(), v) for k, v in signed.items()], body))
    assert response.status_code == 500
    assert json.loads(response.body)["__type"] == "InternalServerError"
    assert response.headers["x-amzn-requestid"] in json.loads(response.body)["Message"]


def test_health_readiness_and_metrics(installation: Installation, client: httpx.Client) -> None:
    call(client, installation.key, "GetLabelDetection", {"JobId": "none"})
    rekognition(installation).start_label_detection(Video=VIDEO)
    assert client.get("/health").json() == {"status": "ok"}
    ready = client.get("/ready").json()
    assert ready == {"database": "ok", "broker": "ok", "objects": "ok", "workers": ready["workers"]}
    text = client.get("/metrics").text
    assert re.search(r'reelsight_user_error_count_total\{operation="GetLabelDetection"\} [1-9]', text)
    assert re.search(r'reelsight_successful_request_count_total\{operation="StartLabelDetection"\} [1-9]', text)
    assert re.search(r'reelsight_jobs\{operation="LabelDetection",state="QUEUED"\} [1-9]', text)
    assert "reelsight_oldest_queued_age_seconds " in text
    assert 'reelsight_response_time_seconds_count{operation="GetLabelDetection"}' in text


@pytest.mark.parametrize(("broker", "state"), [("memory://", "ok"), ("redis://127.0.0.1:9/0", "OperationalError")])
def test_readiness_knows_the_broker(tmp_path: Path, broker: str, state: str) -> None:
    own = Settings(data_dir=tmp_path, broker_url=broker, secret_key="s" * 32)
    services = Services.from_settings(own, CeleryQueue(make_app(own)))
    services.prepare()
    try:
        assert readiness(services) == {"database": "ok", "broker": state, "objects": "ok"}
    finally:
        services.close()


@pytest.mark.parametrize("operation", SERVED)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_valid_request_breaks_the_server(installation: Installation, operation: str, data: st.DataObject) -> None:
    shape = model.operations()[operation].input_shape
    body = json.dumps(wire.dump(shape, data.draw(from_shape(shape)))).encode()
    headers = {"X-Amz-Target": f"RekognitionService.{operation}", "Content-Type": JSON, "Host": "x"}
    signed = signed_headers("http://x/", installation.key, body, headers)
    services = installation.services
    request = SignedRequest("POST", "/", "", [(k.lower(), v) for k, v in signed.items()], body)
    answer = Dispatcher(services, Metrics(services)).serve(request)
    known = model.declared_errors(model.operations()[operation])
    assert answer.status_code == 200 or json.loads(answer.body)["Code"] in known - {"InternalServerError"}


def raised(*modules: Any) -> set[str]:
    """Codes of every `RequestError("Code", …)` in the modules."""
    calls = [n for m in modules for n in ast.walk(ast.parse(Path(m.__file__).read_text())) if isinstance(n, ast.Call)]
    named = [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "RequestError"]
    return {c.args[0].value for c in named if isinstance(c.args[0], ast.Constant)}


@pytest.mark.parametrize("operation", [name for pair in OPERATIONS.values() for name in (pair.start, pair.get)])
def test_every_code_that_can_be_raised_is_declared(operation: str) -> None:
    conduct = pipeline.conduct
    own = [conduct.submit] if operation.startswith("Start") else [conduct.answer, pipeline.results.tokens]
    codes = raised(api.protocol.sigv4, api.protocol.validate, api.protocol.wire, *own)
    assert len(codes) >= 4
    assert codes <= model.declared_errors(model.operations()[operation]) | model.COMMON_ERRORS
