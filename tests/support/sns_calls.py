"""An SNS client of an installation that a module's tests share, and what they ask of it."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.sns_installation import Installation, installed

HOOK = "http://127.0.0.1:9/hook"
"""An endpoint that nobody answers at."""


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("sns")) as one:
        yield one


@pytest.fixture(scope="module")
def sns(installation: Installation) -> Any:
    return installation.client()


def message_of(call: Any, **request: Any) -> str:
    """Message of the InvalidParameter that the call must end in."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    assert caught.value.response["Error"]["Code"] == "InvalidParameter"
    return str(caught.value.response["Error"]["Message"])


def joined(sns: Any, topic: str, endpoint: str = HOOK, **attributes: str) -> str:
    protocol = "sqs" if endpoint.startswith("arn") else "http"
    request = {"TopicArn": topic, "Protocol": protocol, "Endpoint": endpoint, "Attributes": attributes}
    return str(sns.subscribe(**request, ReturnSubscriptionArn=True)["SubscriptionArn"])


def shown(sns: Any, arn: str) -> dict[str, str]:
    return dict(sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"])


def put(sns: Any, arn: str, name: str, value: str) -> None:
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName=name, AttributeValue=value)
