"""An installation with two accounts: one sends hostile requests, the other has what they must not reach."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, Shape, StructureShape

from scripts.hostile.calls import Wire
from scripts.hostile.generating import models
from scripts.hostile.sending import Answer
from scripts.hostile.serving import Serving


class Service(Protocol):
    """What is asked of a service."""

    @property
    def endpoint(self) -> str:
        """Where the api listens."""

    def credentials(self) -> tuple[str, str]:
        """Access key id and secret of the first account."""

    def new_key(self, account: str) -> tuple[str, str]:
        """Access key id and secret of another account."""

    def put(self, bucket: str, name: str, content: bytes) -> dict[str, Any]:
        """Makes an S3 object; what requests call it."""


OTHERS, SECRET = "999988887777", "zzsecret"
"""The other account, and what the names of everything that it has begin with."""

ATTRIBUTES = (
    "DisplayName",
    "DeliveryPolicy",
    "Policy",
    "RawMessageDelivery",
    "FilterPolicy",
    "FilterPolicyScope",
    "RedrivePolicy",
    "SignatureVersion",
)
_POLICIES: tuple[Any, ...] = (
    {},
    {
        "http": {
            "defaultHealthyRetryPolicy": {"numRetries": 3, "minDelayTarget": 1e308},
            "defaultThrottlePolicy": {"maxReceivesPerSecond": 0},
        }
    },
    {"healthyRetryPolicy": {"numRetries": 10**30, "backoffFunction": "exponential"}},
    {"a": ["b", {"prefix": "c"}, {"anything-but": ["d"]}, None, 5]},
    {"a": [{"numeric": [">", -(10**400), "<=", 1e308]}]},
    {"a": [{"wildcard": "*a" * 60}, {"cidr": "999.0.0.0/99"}, {"exists": "x"}]},
    {"a": {"b": {"c": {"d": {"e": {"f": ["g"]}}}}}},
    {"$or": [{"a": ["b"]}, {"$or": [{"c": ["d"]}, {"e": ["\ud800"]}]}]},
    {"a": [f"v{number}" for number in range(3000)]},
    {f"k{number}": ["v"] for number in range(300)},
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]},
)
ATTRIBUTE_VALUES = (
    "true",
    "1",
    "2",
    "x",
    "",
    "MessageBody",
    "MessageAttributes",
    *(json.dumps(one) for one in _POLICIES),
    '{"a":' * 2000,
    '{"a":["b"],"a":["c"]}',
    '{"a":[NaN]}',
    "[1]",
    "null",
)


def _redrive(name: str) -> str:
    return json.dumps({"deadLetterTargetArn": f"arn:aws:sqs:us-east-1:{OTHERS}:{name}"})


@dataclass(frozen=True, slots=True)
class Installation:
    """A running service and what is in it.

    Attributes:
        service: The service.
        key: Access key of the account that sends hostile requests.
        others: Access key of the other account.
        known: Name of a member -> values that exist.
        before: What the other account sees of its own.
    """

    service: Service
    key: tuple[str, str]
    others: tuple[str, str]
    known: Mapping[str, Sequence[Any]]
    before: str

    @classmethod
    def of(cls, service: Service) -> "Installation":
        """Fills a fresh service."""
        key, others = service.credentials(), service.new_key(OTHERS)
        mine, theirs = _filled(service, key, "mine"), _filled(service, others, SECRET)
        known = {name: [*values, *values, *theirs[name]] for name, values in mine.items()}
        return cls(service, key, others, known, _seen(service, others))

    @property
    def endpoint(self) -> str:
        """Where the api listens."""
        return self.service.endpoint

    def unharmed(self) -> bool:
        """Whether the other account still sees what it saw at first."""
        return _seen(self.service, self.others) == self.before

    def refilled(self) -> None:
        """Makes anew what requests have deleted, so that others find it."""
        rekognition, sns = _clients(self.service, self.key)
        user = {"CollectionId": "mine-collection", "UserId": "mine-user"}
        with suppress(ClientError):
            rekognition.create_collection(CollectionId="mine-collection")
        with suppress(ClientError):
            rekognition.create_user(**user)
        with suppress(ClientError):
            sns.create_topic(Name="mine-AmazonRekognition")

    def members(self, call: Wire) -> frozenset[str]:
        """Lower-case names of all members of the operation's request."""
        return _members(call.service, call.name)

    def disclosed(self, call: Wire, answer: Answer) -> str:
        """What an answer tells of the other account; empty: nothing."""
        if SECRET.encode() not in answer.body or answer.status >= 300:
            return ""
        # Whoever makes a collection of that name has it: an account's names are its own.
        return "" if SECRET.encode() in call.body + call.path.encode() else f"discloses {answer.body[:300]!r}"


def settled(installation: Installation, accuse: Callable[[str], None]) -> None:
    """Accuses of what the service has suffered: programs that died, lines in its log, what the other account lost, secrets told."""
    service = installation.service
    assert isinstance(service, Serving)
    for command in service.dead():
        accuse(f"died: {command}")
    for line, count in service.broken().items():
        accuse(f"log, {count} times: {line}")
    if not installation.unharmed():
        accuse(f"the other account had {installation.before}")
    log = (service.folder / "serve.log").read_text(encoding="utf-8", errors="replace")
    if any(secret in log for _, secret in (installation.key, installation.others)):
        accuse("the log tells a secret key")


def _clients(service: Service, key: tuple[str, str]) -> tuple[Any, Any]:
    config = Config(retries={"total_max_attempts": 3}, read_timeout=120)
    place = {"endpoint_url": service.endpoint, "region_name": "us-east-1", "config": config}
    session = boto3.Session(aws_access_key_id=key[0], aws_secret_access_key=key[1])
    return session.client("rekognition", **place), session.client("sns", **place)


def _filled(service: Service, key: tuple[str, str], prefix: str) -> dict[str, list[Any]]:
    """What the account now has, by the names of members."""
    rekognition, sns = _clients(service, key)
    collection, user = f"{prefix}-collection", f"{prefix}-user"
    arn = rekognition.create_collection(CollectionId=collection)["CollectionArn"]
    rekognition.create_user(CollectionId=collection, UserId=user)
    topic = sns.create_topic(Name=f"{prefix}-AmazonRekognition")["TopicArn"]
    subscription = sns.subscribe(
        TopicArn=topic, Protocol="http", Endpoint=f"http://127.0.0.1:9/{prefix}", ReturnSubscriptionArn=True
    )
    clip = service.put(f"{prefix}-bucket", "clip.mp4", b"no video at all")
    job = rekognition.start_label_detection(Video=clip, JobTag=prefix)["JobId"]
    picture = {"Bytes": "aaaa"}
    return {
        "CollectionId": [collection],
        "UserId": [user],
        "ResourceArn": [arn, topic],
        "TopicArn": [topic],
        "TargetArn": [topic],
        "SNSTopicArn": [topic],
        "SubscriptionArn": [subscription["SubscriptionArn"]],
        "Endpoint": [
            "http://127.0.0.1:9/x",
            "https://example.invalid/x",
            "http://10.0.0.1/",
            "arn:aws:sqs:us-east-1:111122223333:queue",
        ],
        "Protocol": ["http", "https", "sqs"],
        "JobId": [job],
        "Video": [clip],
        "Image": [picture, clip],
        "SourceImage": [picture],
        "TargetImage": [picture],
        "NextToken": [job, "AAAA"],
        "RoleArn": ["arn:aws:iam::111122223333:role/AnyRole"],
        "AttributeName": list(ATTRIBUTES),
        "AttributeValue": [*ATTRIBUTE_VALUES, _redrive(collection)],
    }


def _seen(service: Service, key: tuple[str, str]) -> str:
    """What the account sees of its own, as text."""
    rekognition, sns = _clients(service, key)
    collections = rekognition.list_collections()["CollectionIds"]
    topics = [one["TopicArn"] for one in sns.list_topics()["Topics"]]
    attributes = [sns.get_topic_attributes(TopicArn=topic)["Attributes"] for topic in topics]
    subscriptions = [(one["SubscriptionArn"], one["Endpoint"]) for one in sns.list_subscriptions()["Subscriptions"]]
    users = [rekognition.list_users(CollectionId=one)["Users"] for one in collections]
    return json.dumps([collections, topics, attributes, subscriptions, users], sort_keys=True, default=str)


@cache
def _members(service: str, operation: str) -> frozenset[str]:
    model = models().get(service, {}).get(operation)
    return frozenset() if model is None or model.input_shape is None else frozenset(_names(model.input_shape, 0))


def _names(shape: Shape, depth: int) -> set[str]:
    if depth > 8:
        return set()
    if isinstance(shape, StructureShape):
        return {name.lower() for name in shape.members}.union(
            *(_names(one, depth + 1) for one in shape.members.values())
        )
    if isinstance(shape, ListShape):
        return _names(shape.member, depth + 1)
    return _names(shape.value, depth + 1) if isinstance(shape, MapShape) else set()
