"""Live deliveries, verified by the packages that receivers use, over https with the installation's authority."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from sns_message_validator import SignatureVerificationFailureException, SNSMessageValidator
from sqlalchemy import select

from pipeline.notify.certificates import server_certificate
from pipeline.notify.delivery import deliver_due
from pipeline.notify.message import completion
from pipeline.settings import Settings
from pipeline.store.engine import reading, writing
from pipeline.store.metadata import utcnow
from pipeline.store.notify_schema import deliveries
from tests.support import npm
from tests.support.receiver import Receiver, receiving
from tests.support.sns_installation import ACCOUNT, Installation, installed
from tests.unit.notify.test_notify_message import JOB

NODE_VERIFIER = """
const MessageValidator = require('sns-validator');
const validator = new MessageValidator(/^127\\.0\\.0\\.1:\\d+$/, 'utf8');
const messages = JSON.parse(require('fs').readFileSync(0, 'utf8'));
Promise.all(messages.map((message) => new Promise((done) => {
  validator.validate(message, (error) => done(error ? String(error.message) : 'valid'));
}))).then((verdicts) => console.log(JSON.stringify(verdicts)));
"""


@pytest.fixture
def messages(tmp_path: Path) -> Iterator[tuple[Installation, Mapping[str, dict[str, Any]]]]:
    """An installation and live messages of every type, to an https receiver of another authority."""
    hook = server_certificate(Settings(data_dir=tmp_path / "receiver"))
    with (
        installed(tmp_path / "data", webhook_ca_file=hook.ca_file) as one,
        receiving(tls=(hook.cert_file, hook.key_file)) as receiver,
    ):
        yield one, {kind: message for version in "12" for kind, message in _all(one, receiver, version).items()}


def _all(installation: Installation, receiver: Receiver, version: str) -> Mapping[str, dict[str, Any]]:
    sns, services = installation.client(), installation.services
    topic = sns.create_topic(Name=f"done{version}", Attributes={"SignatureVersion": version})["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="https", Endpoint=receiver.url)
    deliver_due(services)
    httpx.get(receiver.requests[-1].message["SubscribeURL"]).raise_for_status()
    found = {"SubscriptionConfirmation": receiver.requests[-1].message}
    with writing(services.engine) as connection:
        services.outbox.add(connection, ACCOUNT, topic, completion(JOB), utcnow())
    deliver_due(services)
    found["completion"] = receiver.requests[-1].message
    sns.publish(TopicArn=topic, Subject="Ärger & <Freude>", Message='Grüße\n"quoted" 日本 🎬\t')
    deliver_due(services)
    found["with subject"] = receiver.requests[-1].message
    assert all(message["SignatureVersion"] == version for message in found.values())
    return {f"{kind} v{version}": message for kind, message in found.items()}


def test_the_completion_arrives_as_it_was_written(
    messages: tuple[Installation, Mapping[str, dict[str, Any]]],
) -> None:
    assert messages[1]["completion v1"]["Message"] == completion(JOB)


def test_sns_message_validator_accepts_version_1(
    messages: tuple[Installation, Mapping[str, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    installation, found = messages
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(installation.ca_file))
    validator = SNSMessageValidator(cert_url_regex=r"^https://127\.0\.0\.1:\d+/")
    assert {message["Type"] for message in found.values()} == {"SubscriptionConfirmation", "Notification"}
    for kind in (kind for kind in found if kind.endswith("v1")):
        validator.validate_message(found[kind])
        with pytest.raises(SignatureVerificationFailureException):
            validator.validate_message({**found[kind], "Message": "forged"})


def test_sns_message_validator_accepts_the_last_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only this package is asked: sns-validator leaves the Token out and so refuses AWS's own messages of this type."""
    with installed(tmp_path) as one, receiving() as receiver:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(one.ca_file))
        topic = one.client().create_topic(Name="done")["TopicArn"]
        request = {"TopicArn": topic, "Protocol": "http", "Endpoint": receiver.url, "ReturnSubscriptionArn": True}
        arn = one.client().subscribe(**request)["SubscriptionArn"]
        one.deliver()
        httpx.get(receiver.requests[0].message["SubscribeURL"]).raise_for_status()
        link = {"Action": "Unsubscribe", "SubscriptionArn": arn}
        httpx.get(one.url, params=link).raise_for_status()
        one.deliver()
        [farewell] = receiver.messages("UnsubscribeConfirmation")
        SNSMessageValidator(cert_url_regex=r"^https://127\.0\.0\.1:\d+/").validate_message(farewell)


def test_sns_validator_accepts_every_message(
    messages: tuple[Installation, Mapping[str, dict[str, Any]]], request: pytest.FixtureRequest
) -> None:
    installation, found = messages
    folder = npm.installed(request.config, "sns-validator@0.3.5")
    genuine = list(found.values())
    forged = [{**message, "Message": "forged"} for message in genuine]
    assert _verdicts(folder, installation.ca_file, genuine) == ["valid"] * 6
    assert _verdicts(folder, installation.ca_file, forged) == ["The message signature is invalid."] * 6


def _verdicts(folder: Path, ca_file: Path, messages: Sequence[Mapping[str, Any]]) -> list[str]:
    environment = {**os.environ, "NODE_EXTRA_CA_CERTS": str(ca_file)}
    done = subprocess.run(
        ["node", "-e", NODE_VERIFIER],
        input=json.dumps(messages),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    verdicts = json.loads(done.stdout)
    assert isinstance(verdicts, list)
    return verdicts


def test_https_receivers_must_have_a_certificate_we_trust(tmp_path: Path) -> None:
    hook = server_certificate(Settings(data_dir=tmp_path / "receiver"))
    with installed(tmp_path / "data") as one, receiving(tls=(hook.cert_file, hook.key_file)) as receiver:
        topic = one.client().create_topic(Name="done")["TopicArn"]
        one.client().subscribe(TopicArn=topic, Protocol="https", Endpoint=receiver.url)
        assert one.deliver() == 1
        assert receiver.requests == []
        with reading(one.services.engine) as connection:
            error = connection.execute(select(deliveries.c.last_error)).scalar()
        assert "CERTIFICATE_VERIFY_FAILED" in str(error)
