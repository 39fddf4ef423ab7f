"""Requests to the JSON API that no SDK would send: signed, whatever they say."""

import json
from typing import Any

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from pipeline.store.keys import AccessKey

JSON = "application/x-amz-json-1.1"


def signed_headers(url: str, key: AccessKey, body: bytes, headers: dict[str, str]) -> dict[str, str]:
    """The headers and their signature."""
    request = AWSRequest("POST", url, headers, body)
    SigV4Auth(Credentials(key.id, key.secret), "rekognition", "us-east-1").add_auth(request)
    return dict(request.headers)


def call(
    client: httpx.Client,
    key: AccessKey,
    operation: str,
    request: Any,
    content_type: str = JSON,
    prefix: str = "RekognitionService.",
) -> httpx.Response:
    """The answer to POST / with this target; `request` is bytes, or what JSON says."""
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    headers = {"X-Amz-Target": prefix + operation, "Content-Type": content_type}
    url = str(client.base_url)
    return client.post("/", content=body, headers=signed_headers(url, key, body, headers))
