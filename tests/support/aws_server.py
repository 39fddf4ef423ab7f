"""A real server of SQS queues and SNS topics, as an account has them elsewhere."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from pipeline.store.engine import writing
from pipeline.store.notify_schema import subscriptions
from tests.support.sns_deliveries import TOPIC
from tests.support.sns_installation import ACCOUNT, Installation

REGION = "us-east-1"
KEYS = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "not checked there"}


@dataclass(frozen=True, slots=True)
class Aws:
    """The server, as the account sees it."""

    url: str

    @property
    def access(self) -> dict[str, Any]:
        """The setting that leads there."""
        return {ACCOUNT: {"endpoint_url": self.url, **KEYS}}

    def client(self, service: str) -> Any:
        """boto3's client."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=KEYS["access_key_id"],
            aws_secret_access_key=KEYS["secret_access_key"],
        )

    def queue(self, name: str) -> str:
        """ARN of a new queue."""
        self.client("sqs").create_queue(QueueName=name)
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"

    def received(self, arn: str) -> list[dict[str, Any]]:
        """The messages in a queue, taken out of it."""
        sqs = self.client("sqs")
        url = sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
        found: list[dict[str, Any]] = []
        while got := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]).get(
            "Messages"
        ):
            found += got
            for one in got:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
        return found


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    os.environ["MOTO_ACCOUNT_ID"] = ACCOUNT  # read when moto is loaded: everything there belongs to this account
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield Aws(f"http://{host}:{port}")
    server.stop()


def subscribed_queue(installation: Installation, arn: str, **attributes: str) -> str:
    """ARN of a subscription of the queue."""
    request = {"TopicArn": TOPIC, "Protocol": "sqs", "Endpoint": arn, "Attributes": attributes}
    return str(installation.client().subscribe(**request)["SubscriptionArn"])


def configure(installation: Installation, arn: str, **attributes: object) -> None:
    """Sets attributes of a subscription; what is not text becomes JSON."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in attributes.items()}
    for name, value in texts.items():
        installation.client().set_subscription_attributes(SubscriptionArn=arn, AttributeName=name, AttributeValue=value)


def break_in(installation: Installation, arn: str, **columns: object) -> None:
    """Writes columns of a subscription that no request would be allowed to."""
    with writing(installation.services.engine) as connection:
        connection.execute(subscriptions.update().where(subscriptions.c.arn == arn).values(**columns))
