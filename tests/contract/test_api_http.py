"""The whole api over real HTTP: database, buckets and server are real, boto3 and raw signed requests are the users."""

import ast
import http.client
import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

import api.protocol.sigv4
import api.protocol.validate
import api.protocol.wire
import pipeline.conduct.answer
import pipeline.conduct.submit
import pipeline.results.tokens
from api.app import MAX_BODY_BYTES
from api.dispatch import Dispatcher, built
from api.health import readiness
from api.metrics import Metrics
from api.protocol import model
from api.protocol.canonical import SignedRequest
from pipeline.aggregate.types import Record
from pipeline.catalog import OPERATIONS
from pipeline.jobs.types import JobState
from pipeline.queue import CeleryQueue, make_app
from pipeline.results.writer import write
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.store import jobs
from pipeline.store.engine import writing
from pipeline.store.keys import AccessKey
from pipeline.store.metadata import utcnow
from tests.support.from_shape import wrongs
from tests.support.signed_calls import JSON, call, signed_headers
from tests.support.sns_installation import Installation, installed

VIDEO = {"S3Object": {"Bucket": "videos", "Name": "a b/clip é.mp4"}}
SERVED = sorted(built())


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("api")) as one:
        one.services.objects.put("videos", VIDEO["S3Object"]["Name"], b"pictures")
        yield one


@pytest.fixture(scope="module")
def client(installation: Installation) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=installation.url) as one:
        yield one


def rekognition(installation: Installation, key: AccessKey | None = None, **config: Any) -> Any:
    key = key or installation.key
    return boto3.client(
        "rekognition",
        endpoint_url=installation.url,
        region_name="eu-west-3",
        aws_access_key_id=key.id,
        aws_secret_access_key=key.secret,
        config=Config(retries={"total_max_attempts": 1}, **config),
    )


def complete(installation: Installation, job_id: str, items: int) -> None:
    """Gives the job results, as the worker that finishes it does."""
    services = installation.services
    bodies = [{"Timestamp": n, "Label": {"Name": f"L{n % 3}", "Confidence": 50.0 + n % 50}} for n in range(items)]
    records = [Record(body, body["Timestamp"], body["Label"]["Name"], body["Label"]["Confidence"]) for body in bodies]
    operation = OPERATIONS["LabelDetection"]
    results = write(records, operation.orders, operation.aggregates, services.work, f"results/{job_id}/")
    with writing(services.engine) as connection:
        job = jobs.find(connection, job_id)
        assert job is not None
        assert jobs.move(connection, job, JobState.RUNNING)
        done = {
            "video_metadata": {"Codec": "h264", "DurationMillis": items, "FrameRate": 25.0},
            "summary": {"LabelModelVersion": "3.0"},
            "finished_at": utcnow(),
            "expires_at": utcnow() + timedelta(days=7),
        }
        assert jobs.move(connection, replace(job, state=JobState.RUNNING), JobState.SUCCEEDED, **done)
        jobs.add_results(connection, job_id, results)


def test_boto3_starts_a_job_waits_and_pages(installation: Installation) -> None:
    user = rekognition(installation)
    request = {"Video": VIDEO, "ClientRequestToken": "once", "JobTag": "tag", "MinConfidence": 60.0}
    job = user.start_label_detection(**request)["JobId"]
    assert re.fullmatch("[0-9a-f]{64}", job)
    assert user.start_label_detection(**request)["JobId"] == job

    waiting = user.get_label_detection(JobId=job)
    assert waiting.pop("ResponseMetadata")["HTTPHeaders"]["content-type"] == JSON
    assert waiting == {"JobId": job, "JobStatus": "IN_PROGRESS", "JobTag": "tag", "Video": VIDEO, "Labels": []}

    complete(installation, job, 2100)
    lists = []
    for size in (7, 1000, 5000):
        found, token = [], {}
        while True:
            page = user.get_label_detection(JobId=job, MaxResults=size, SortBy="NAME", **token)
            assert page["JobStatus"] == "SUCCEEDED"
            assert page["VideoMetadata"]["Codec"] == "h264"
            assert page["GetRequestMetadata"] == {"SortBy": "NAME", "AggregateBy": "TIMESTAMPS"}
            assert len(page["Labels"]) <= min(size, 1000)
            found += page["Labels"]
            if "NextToken" not in page:
                break
            token = {"NextToken": page["NextToken"]}
        lists.append(found)
    assert lists[0] == lists[1] == lists[2]
    assert len(lists[0]) == 2100


def test_a_job_of_another_account_does_not_exist(installation: Installation) -> None:
    job = rekognition(installation).start_face_detection(Video=VIDEO)["JobId"]
    stranger = rekognition(installation, installation.services.keys.create("999988887777"))
    with pytest.raises(stranger.exceptions.ResourceNotFoundException, match=job):
        stranger.get_face_detection(JobId=job)


def test_a_changed_request_under_one_token_is_refused(installation: Installation) -> None:
    user = rekognition(installation)
    user.start_face_detection(Video=VIDEO, ClientRequestToken="mine")
    with pytest.raises(user.exceptions.IdempotentParameterMismatchException):
        user.start_face_detection(Video=VIDEO, ClientRequestToken="mine", FaceAttributes="ALL")


@pytest.mark.parametrize(
    "video",
    [{}, {"S3Object": {"Bucket": "videos", "Name": "none.mp4"}}, {"S3Object": {"Bucket": "videos", "Name": "a\0b"}}],
)
def test_a_video_that_is_not_there_is_refused(installation: Installation, video: dict[str, Any]) -> None:
    user = rekognition(installation)
    with pytest.raises(user.exceptions.InvalidS3ObjectException):
        user.start_segment_detection(Video=video, SegmentTypes=["SHOT"])


@pytest.mark.parametrize("operation", SERVED)
def test_every_violation_is_answered_as_aws_does(
    installation: Installation, client: httpx.Client, operation: str
) -> None:
    for wrong in wrongs(model.operations()[operation].input_shape):
        response = call(client, installation.key, operation, wrong.request)
        assert_error(response, 400, "ValidationException")
        assert f"at '{wrong.path}' failed to satisfy constraint: " in response.json()["Message"]
        assert wrong.constraint in response.json()["Message"]


def assert_error(response: httpx.Response, status: int, code: str) -> str:
    """The message of an error in AWS's form."""
    body = response.json()
    assert (response.status_code, body["__type"], body["Code"]) == (status, code, code), body
    assert set(body) == {"__type", "Code", "Logref", "Message"}
    assert response.headers["content-type"] == JSON
    assert re.fullmatch("[0-9a-f-]{36}", response.headers["x-amzn-requestid"])
    assert response.headers["date"]
    return str(body["Message"])


@pytest.mark.parametrize(
    ("request_", "member"),
    [
        (b"{", "The request body"),
        (b"\xff", "The request body"),
        (b"[" * 100_000, "The request body"),
        ([], "The request"),
        ({"JobId": 5}, "JobId"),
        ({"JobId": "\ud800"}, "JobId"),
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
    assert "PUT" in assert_error(client.put("/"), 405, "MethodNotAllowedException")
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


def test_signatures_are_checked(installation: Installation, client: httpx.Client) -> None:
    codes = {}
    key = installation.key
    for name, wrong in {
        "InvalidSignatureException": replace(key, secret="wrong"),
        "UnrecognizedClientException": replace(key, id="AKIA2222222222222222"),
    }.items():
        with pytest.raises(ClientError) as refusal:
            rekognition(installation, wrong).list_collections()
        codes[name] = refusal.value.response
        assert refusal.value.response["Error"]["Code"] == name
        assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    headers = {"X-Amz-Target": "RekognitionService.ListFaces", "Content-Type": JSON}
    unsigned = client.post("/", content=b"{}", headers=headers)
    assert_error(unsigned, 400, "MissingAuthenticationTokenException")
    signed = signed_headers(installation.url, key, b"{}", headers)
    assert_error(client.post("/", content=b"{ }", headers=signed), 400, "InvalidSignatureException")


def test_a_presigned_request_is_served(installation: Installation, client: httpx.Client) -> None:
    headers = {"X-Amz-Target": "RekognitionService.CreateCollection", "Content-Type": JSON}
    request = AWSRequest("POST", f"{installation.url}/", headers)
    SigV4QueryAuth(Credentials(installation.key.id, installation.key.secret), "rekognition", "us-east-1").add_auth(
        request
    )
    assert_error(client.post(request.url, headers=headers), 501, "NotImplementedException")
    assert_error(client.post(request.url + "0", headers=headers), 400, "IncompleteSignatureException")


@pytest.mark.parametrize("public", ["https://video.example", "https://Video.Example:443/"])
def test_behind_a_proxy_clients_sign_the_public_host(installation: Installation, public: str) -> None:
    headers = {"X-Amz-Target": "RekognitionService.ListFaces", "Content-Type": JSON}
    signed = signed_headers("https://video.example/", installation.key, b"{}", headers)
    fields = [*((k.lower(), v) for k, v in signed.items()), ("host", "10.0.0.7:8080")]
    status = {}
    for settings in (
        installation.services.settings,
        installation.services.settings.model_copy(update={"public_url": public}),
    ):
        services = replace(installation.services, settings=settings)
        answer = Dispatcher(services, Metrics(services.engine)).serve(SignedRequest("POST", "/", "", fields, b"{}"))
        status[settings.public_url] = json.loads(answer.body)["Code"]
    assert status == {None: "InvalidSignatureException", public: "NotImplementedException"}


def test_sns_is_signed_in_headers_or_in_the_query(installation: Installation, client: httpx.Client) -> None:
    sns = installation.client()
    sns.create_topic(Name="done")
    link = sns.generate_presigned_url("list_topics", HttpMethod="GET")
    answer = client.get(link)
    assert (answer.status_code, b":done</TopicArn>" in answer.content) == (200, True)
    assert client.get(link.replace("ListTopics", "DeleteTopic")).status_code == 403


@pytest.mark.parametrize(
    ("change", "code"),
    [({"secret": "wrong"}, "SignatureDoesNotMatch"), ({"id": "AKIA2222222222222222"}, "InvalidClientTokenId")],
)
def test_sns_names_errors_of_authentication_in_its_own_way(
    installation: Installation, change: dict[str, str], code: str
) -> None:
    with pytest.raises(ClientError) as refusal:
        installation.client(replace(installation.key, **change)).list_topics()
    response = refusal.value.response
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (code, 403)


def test_a_form_without_a_signature_is_refused(client: httpx.Client) -> None:
    answer = client.post("/", data={"Action": "ListTopics"})
    assert (answer.status_code, b"<Code>MissingAuthenticationToken</Code>" in answer.content) == (403, True)


def test_a_mistake_of_ours_is_an_internal_error_with_a_request_id(installation: Installation) -> None:
    def broken(*_: object) -> dict[str, Any]:
        return {"NoSuchMember": 1}

    dispatcher = Dispatcher(installation.services, Metrics(installation.services.engine), {"ListFaces": broken})
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
    assert ready == {"database": "ok", "broker": "ok", "objects": "ok"}
    text = client.get("/metrics").text
    assert re.search(r'reelsight_user_error_count_total\{operation="GetLabelDetection"\} [1-9]', text)
    assert re.search(r'reelsight_successful_request_count_total\{operation="StartLabelDetection"\} [1-9]', text)
    assert re.search(r'reelsight_jobs\{operation="LabelDetection",state="QUEUED"\} [1-9]', text)
    assert "reelsight_oldest_queued_age_seconds " in text
    assert 'reelsight_response_time_seconds_count{operation="GetLabelDetection"}' in text


@pytest.mark.parametrize(("broker", "state"), [("memory://", "ok"), ("redis://127.0.0.1:9/0", "OperationalError")])
def test_readiness_knows_the_broker(tmp_path: Path, broker: str, state: str) -> None:
    settings = Settings(data_dir=tmp_path, broker_url=broker, secret_key="s" * 32)
    services = Services.from_settings(settings, CeleryQueue(make_app(settings)))
    services.prepare()
    try:
        assert readiness(services) == {"database": "ok", "broker": state, "objects": "ok"}
    finally:
        services.close()


def raised(*modules: Any) -> set[str]:
    """Codes of every `RequestError("Code", …)` in the modules."""
    calls = [n for m in modules for n in ast.walk(ast.parse(Path(m.__file__).read_text())) if isinstance(n, ast.Call)]
    named = [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "RequestError"]
    return {c.args[0].value for c in named if isinstance(c.args[0], ast.Constant)}


@pytest.mark.parametrize("operation", SERVED)
def test_every_code_that_can_be_raised_is_declared(operation: str) -> None:
    conduct = pipeline.conduct
    own = [conduct.submit] if operation.startswith("Start") else [conduct.answer, pipeline.results.tokens]
    codes = raised(api.protocol.sigv4, api.protocol.validate, api.protocol.wire, *own)
    assert len(codes) >= 4
    assert codes <= model.declared_errors(model.operations()[operation]) | model.COMMON_ERRORS
