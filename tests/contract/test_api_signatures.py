"""Signatures over real HTTP: in headers, in queries, of both services, behind a proxy."""

import json
from dataclasses import replace

import httpx
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from api.dispatch import Dispatcher
from api.metrics import Metrics
from api.protocol.canonical import SignedRequest
from tests.support.api_installation import assert_error, client, installation, rekognition
from tests.support.signed_calls import JSON, signed_headers
from tests.support.sns_installation import Installation

__all__ = ["client", "installation"]


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
    headers = {"X-Amz-Target": "RekognitionService.ListStreamProcessors", "Content-Type": JSON}
    request = AWSRequest("POST", f"{installation.url}/", headers)
    SigV4QueryAuth(Credentials(installation.key.id, installation.key.secret), "rekognition", "us-east-1").add_auth(
        request
    )
    assert_error(client.post(request.url, headers=headers), 501, "NotImplementedException")
    assert_error(client.post(request.url + "0", headers=headers), 400, "IncompleteSignatureException")


@pytest.mark.parametrize("public", ["https://video.example", "https://Video.Example:443/"])
def test_behind_a_proxy_clients_sign_the_public_host(installation: Installation, public: str) -> None:
    headers = {"X-Amz-Target": "RekognitionService.ListStreamProcessors", "Content-Type": JSON}
    signed = signed_headers("https://video.example/", installation.key, b"{}", headers)
    fields = [*((k.lower(), v) for k, v in signed.items()), ("host", "10.0.0.7:8080")]
    status = {}
    private = installation.services.settings
    for own in (private, private.model_copy(update={"public_url": public})):
        services = replace(installation.services, settings=own)
        answer = Dispatcher(services, Metrics(services)).serve(SignedRequest("POST", "/", "", fields, b"{}"))
        status[own.public_url] = json.loads(answer.body)["Code"]
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
