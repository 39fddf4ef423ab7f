"""Raw deliveries to webhooks, and their signature as receivers check it with code that is not ours."""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.notify.raw import KEY_ATTRIBUTE, raw_key, signature_headers
from pipeline.store.metadata import utcnow
from tests.support import npm
from tests.support.aws_server import configure
from tests.support.receiver import Received, receiving
from tests.support.sns_deliveries import TOPIC, join, small
from tests.support.sns_installation import Installation

__all__ = ["small"]  # fixtures

SECRET = b"s" * 32
STANDARD = """
const { Webhook } = require('standardwebhooks');
const calls = JSON.parse(require('fs').readFileSync(0, 'utf8'));
console.log(JSON.stringify(calls.map(({ key, headers, body }) => {
  try { new Webhook(key).verify(body, headers); return 'valid'; } catch (error) {
    return error.constructor.name === 'WebhookVerificationError' ? 'refused' : String(error);
  }
})));
"""


def raw_delivery(installation: Installation) -> tuple[str, Received]:
    """The key as its owner is shown it, and what the receiver got."""
    with receiving() as receiver:
        arn = join(installation, receiver)
        client = installation.client()
        assert KEY_ATTRIBUTE not in client.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
        configure(
            installation,
            arn,
            RawMessageDelivery="true",
            DeliveryPolicy={"requestPolicy": {"headerContentType": "application/json"}},
        )
        shown = client.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
        client.publish(
            TopicArn=TOPIC,
            Message='{"text": "Grüße 🎬\\n"}',
            Subject="not sent",
            MessageAttributes={"a": {"DataType": "String", "StringValue": "not sent either"}},
        )
        installation.deliver()
        return shown[KEY_ATTRIBUTE], receiver.requests[-1]


def test_the_message_comes_as_it_was_published(small: Installation) -> None:
    _, request = raw_delivery(small)
    assert request.body.decode() == '{"text": "Grüße 🎬\\n"}'
    assert request.headers["x-amz-sns-rawdelivery"] == "true"
    assert request.headers["x-amz-sns-message-type"] == "Notification"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == request.headers["x-amz-sns-message-id"]
    assert b"not sent" not in request.body + str(request.headers).encode()


def forged(key: str, request: Received) -> Sequence[Mapping[str, Any]]:
    """The genuine call, and others that differ from it in one thing each."""
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    headers, body = {name: request.headers[name] for name in names}, request.body.decode()
    old = str(int(headers["webhook-timestamp"]) - 3600)
    stale = signature_headers([SECRET], "arn", headers["webhook-id"], request.body, utcnow().replace(year=2020))
    return [
        {"key": key, "headers": headers, "body": body},
        {"key": key, "headers": headers, "body": body.replace("G", "g")},
        {"key": key, "headers": {**headers, "webhook-id": "another"}, "body": body},
        {"key": key, "headers": {**headers, "webhook-timestamp": old}, "body": body},
        {"key": raw_key(SECRET, "arn"), "headers": headers, "body": body},
        {"key": raw_key(SECRET, "arn"), "headers": stale, "body": body},  # replayed: rightly signed, long ago
    ]


def test_libraries_of_standard_webhooks_accept_it_and_nothing_else(
    small: Installation, request: pytest.FixtureRequest
) -> None:
    folder = npm.installed(request.config, "standardwebhooks@1.0.0")
    calls = forged(*raw_delivery(small))
    assert _verdicts(["node", "-e", STANDARD], calls, folder) == ["valid", *["refused"] * 5]


@pytest.mark.parametrize(("language", "command"), [("python", ["python3", "-c"]), ("javascript", ["node", "-e"])])
def test_the_documented_code_accepts_it_and_nothing_else(
    small: Installation, language: str, command: list[str], tmp_path: Path
) -> None:
    """The code of docs/notifications.md, run as it stands there."""
    page = Path(__file__).parents[2].joinpath("docs", "notifications.md").read_text("utf-8")
    [code] = [one for one in re.findall(f"```{language}\n(.*?)```", page, re.DOTALL) if "webhook-signature" in one]
    calls = forged(*raw_delivery(small))
    assert _verdicts([*command, code + CALLED[language]], calls, tmp_path) == ["valid", *["refused"] * 5]


CALLED = {
    "python": """
import json, sys
calls = json.load(sys.stdin)
print(json.dumps(["valid" if verified(c["key"], c["headers"], c["body"].encode()) else "refused" for c in calls]))
""",
    "javascript": """
const calls = JSON.parse(require('fs').readFileSync(0, 'utf8'));
console.log(JSON.stringify(calls.map((c) => verified(c.key, c.headers, Buffer.from(c.body)) ? 'valid' : 'refused')));
""",
}


def _verdicts(command: list[str], calls: Sequence[Mapping[str, Any]], folder: Path) -> list[str]:
    done = subprocess.run(
        command, input=json.dumps(calls), cwd=folder, capture_output=True, text=True, check=True, timeout=60
    )
    verdicts = json.loads(done.stdout)
    assert isinstance(verdicts, list)
    return verdicts


def test_each_subscription_has_a_key_of_its_own() -> None:
    keys = {raw_key(secret, arn) for secret in (SECRET, b"t" * 32) for arn in ("a", "b")}
    assert len(keys) == 4
    assert all(key.startswith("whsec_") and len(key) == 50 for key in keys)


def test_while_the_installations_key_changes_both_keys_are_accepted(request: pytest.FixtureRequest) -> None:
    folder = npm.installed(request.config, "standardwebhooks@1.0.0")
    headers = signature_headers([b"new" * 11, SECRET], "arn", "id", b"{}", utcnow())
    calls = [{"key": raw_key(key, "arn"), "headers": headers, "body": "{}"} for key in (SECRET, b"new" * 11, b"x" * 32)]
    assert _verdicts(["node", "-e", STANDARD], calls, folder) == ["valid", "valid", "refused"]
